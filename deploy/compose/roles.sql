-- Run once by the PostgreSQL image when its data directory is new: five roles, each with a database of its name that
-- no other role may enter. The passwords come from the container's environment.
\set ON_ERROR_STOP on
\getenv intake INTAKE_DATABASE_PASSWORD
\getenv dispatch DISPATCH_DATABASE_PASSWORD
\getenv hosted DEPARTMENT_HOSTED_DATABASE_PASSWORD
\getenv ga DEPARTMENT_GA_DATABASE_PASSWORD
\getenv escalation ESCALATION_DATABASE_PASSWORD

CREATE ROLE whistle_intake LOGIN PASSWORD :'intake';
CREATE ROLE whistle_dispatch LOGIN PASSWORD :'dispatch';
CREATE ROLE whistle_department_hosted LOGIN PASSWORD :'hosted';
CREATE ROLE whistle_department_ga LOGIN PASSWORD :'ga';
CREATE ROLE whistle_escalation LOGIN PASSWORD :'escalation';

CREATE DATABASE whistle_intake OWNER whistle_intake;
CREATE DATABASE whistle_dispatch OWNER whistle_dispatch;
CREATE DATABASE whistle_department_hosted OWNER whistle_department_hosted;
CREATE DATABASE whistle_department_ga OWNER whistle_department_ga;
CREATE DATABASE whistle_escalation OWNER whistle_escalation;

REVOKE ALL ON DATABASE whistle_intake FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_dispatch FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_department_hosted FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_department_ga FROM PUBLIC;
REVOKE ALL ON DATABASE whistle_escalation FROM PUBLIC;
