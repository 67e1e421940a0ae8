-- Run once by the PostgreSQL image when its data directory is new: five databases, each with two roles and closed to
-- all others. The owner makes the schema (whistlectl migrate); the role of the database's name is the service's, and
-- gets from `migrate` what it may do to rows. The passwords come from the container's environment.
\set ON_ERROR_STOP on
\getenv intake INTAKE_DATABASE_PASSWORD
\getenv intake_owner INTAKE_DATABASE_OWNER_PASSWORD
\getenv dispatch DISPATCH_DATABASE_PASSWORD
\getenv dispatch_owner DISPATCH_DATABASE_OWNER_PASSWORD
\getenv hosted DEPARTMENT_HOSTED_DATABASE_PASSWORD
\getenv hosted_owner DEPARTMENT_HOSTED_DATABASE_OWNER_PASSWORD
\getenv ga DEPARTMENT_GA_DATABASE_PASSWORD
\getenv ga_owner DEPARTMENT_GA_DATABASE_OWNER_PASSWORD
\getenv escalation ESCALATION_DATABASE_PASSWORD
\getenv escalation_owner ESCALATION_DATABASE_OWNER_PASSWORD

CREATE ROLE whistle_intake_owner LOGIN PASSWORD :'intake_owner';
CREATE ROLE whistle_intake LOGIN PASSWORD :'intake';
CREATE ROLE whistle_dispatch_owner LOGIN PASSWORD :'dispatch_owner';
CREATE ROLE whistle_dispatch LOGIN PASSWORD :'dispatch';
CREATE ROLE whistle_department_hosted_owner LOGIN PASSWORD :'hosted_owner';
CREATE ROLE whistle_department_hosted LOGIN PASSWORD :'hosted';
CREATE ROLE whistle_department_ga_owner LOGIN PASSWORD :'ga_owner';
CREATE ROLE whistle_department_ga LOGIN PASSWORD :'ga';
CREATE ROLE whistle_escalation_owner LOGIN PASSWORD :'escalation_owner';
CREATE ROLE whistle_escalation LOGIN PASSWORD :'escalation';

CREATE DATABASE whistle_intake OWNER whistle_intake_owner;
CREATE DATABASE whistle_dispatch OWNER whistle_dispatch_owner;
CREATE DATABASE whistle_department_hosted OWNER whistle_department_hosted_owner;
CREATE DATABASE whistle_department_ga OWNER whistle_department_ga_owner;
CREATE DATABASE whistle_escalation OWNER whistle_escalation_owner;

REVOKE ALL ON DATABASE whistle_intake FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_dispatch FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_department_hosted FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_department_ga FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_escalation FROM PUBLIC;

GRANT CONNECT ON DATABASE whistle_intake TO whistle_intake;
GRANT CONNECT ON DATABASE whistle_dispatch TO whistle_dispatch;
GRANT CONNECT ON DATABASE whistle_department_hosted TO whistle_department_hosted;
GRANT CONNECT ON DATABASE whistle_department_ga TO whistle_department_ga;
GRANT CONNECT ON DATABASE whistle_escalation TO whistle_escalation;
