-- The migrator owns the schema and may make the roles that the product needs; nothing serves requests as it.
CREATE ROLE changegate_migrator LOGIN NOSUPERUSER CREATEROLE PASSWORD :'migrator';
CREATE DATABASE changegate OWNER changegate_migrator;

-- The product's login may do what changegate_app may, and nothing more.
CREATE ROLE changegate_app NOLOGIN NOSUPERUSER NOBYPASSRLS;
CREATE ROLE changegate_service LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD :'service';
GRANT changegate_app TO changegate_service;

CREATE ROLE temporal LOGIN NOSUPERUSER PASSWORD :'temporal';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
