// Keeps flags as a page in a browser does, through the web provider as it is published, and prints what it sees.
// Each line on standard input is a context to change to, or empty to look; the end of the input is the end of the page.
import { createInterface } from "node:readline";
import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { OpenFeature, ProviderEvents } from "@openfeature/web-sdk";

const [baseUrl, token, tenant, environment] = process.argv.slice(2);
const answers = [];
const provider = new OFREPWebProvider({
  baseUrl,
  headers: [
    ["Authorization", `Bearer ${token}`],
    ["Changegate-Tenant", tenant],
    ["Changegate-Environment", environment],
    ["Changegate-Instance", "page-1"],
  ],
  cacheMode: "disabled", // there is no local storage here
  fetchImplementation: async (...asked) => {
    const answer = await fetch(...asked);
    answers.push(answer.status);
    return answer;
  },
});
const client = OpenFeature.getClient();
const tell = (event) => {
  const { value, variant, reason } = client.getStringDetails("text", "coded");
  console.log(JSON.stringify({ event, value, variant, reason, answers: answers.splice(0) }));
};
for (const event of [ProviderEvents.ConfigurationChanged, ProviderEvents.Stale, ProviderEvents.Error]) {
  client.addHandler(event, () => tell(event));
}
await OpenFeature.setContext({ targetingKey: "user-1", plan: "free" });
await OpenFeature.setProviderAndWait(provider);
tell("begun");
for await (const line of createInterface({ input: process.stdin })) {
  if (line) await OpenFeature.setContext(JSON.parse(line));
  tell(line ? "context" : "look");
}
await OpenFeature.close();
process.exit();
