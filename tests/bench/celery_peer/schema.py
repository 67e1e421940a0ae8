"""The peer's three databases."""

DATABASES = {
    "main": """
        create table token(digest bytea primary key, caller text not null);
        create table idempotency(
            caller text, key text, digest bytea not null, whistle_id uuid not null, primary key(caller, key));
        create table whistle(
            whistle_id uuid primary key, facts jsonb not null, blown_at timestamptz not null default now());
        create table outbox(whistle_id uuid primary key, created_at timestamptz not null default now());
        create table dispatch(
            whistle_id uuid, department text, role text not null, task_id uuid not null,
            primary key(whistle_id, department));
    """,
    "department": """
        create table whistle(whistle_id uuid primary key, facts jsonb not null);
        create table task(
            task_id uuid primary key, whistle_id uuid not null, department text not null, role text not null,
            state text not null, dispatched_at timestamptz not null, unique(whistle_id, department));
        create index on task(department, dispatched_at);
    """,
    "escalation": """
        create table clock(
            clock_id uuid primary key, whistle_id uuid not null, task_id uuid not null, name text not null,
            status text not null, started_at timestamptz not null, due_at timestamptz not null);
        create index on clock(whistle_id);
        create index on clock(due_at) where status = 'running';
    """,
}
