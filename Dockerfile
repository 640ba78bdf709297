# Two stages: the first installs what is pinned, the second only runs it.
FROM python:3.11.14-slim-bookworm AS built
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/changegate
ENV PATH=/opt/changegate/bin:$PATH
WORKDIR /src
COPY requirements/app.txt requirements/app.txt
RUN pip install --require-hashes -r requirements/app.txt
COPY pyproject.toml README.md LICENSE bootstrap.py terminal.py worker.py ./
COPY domain domain
COPY application application
COPY workflows workflows
COPY activities activities
COPY adapters adapters
COPY api api
COPY cli cli
COPY migrations migrations
COPY clients/outbox clients/outbox
RUN pip install --no-deps --no-build-isolation . ./clients/outbox

FROM python:3.11.14-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin changegate \
 && install -d -o changegate -g changegate -m 0700 /var/lib/changegate /var/lib/changegate/keys
COPY --from=built /opt/changegate /opt/changegate
ENV PATH=/opt/changegate/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 CHANGEGATE_DATA=/var/lib/changegate
USER changegate
WORKDIR /var/lib/changegate
EXPOSE 8080
CMD ["uvicorn", "bootstrap:api", "--factory", "--http", "api.corked:Protocol", "--host", "0.0.0.0", "--port", "8080", "--no-access-log", "--no-server-header", "--timeout-graceful-shutdown", "10"]
