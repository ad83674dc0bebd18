-- Whoever is in an agency reads which models there are, clients apart. A revision or a service adds one.
alter table ai.embedding_models enable row level security;
alter table ai.embedding_models force row level security;

create policy "tenant floor"
on ai.embedding_models
as restrictive
for all
to anon, authenticated, service_role, gardenos_worker
using (
    (select app.agency_id()) is not null
)
with check (
    (select app.agency_id()) is not null
);

create policy "staff read models"
on ai.embedding_models
as permissive
for select
to authenticated
using (
    (select app.agency_id()) is not null
    and (
        select app.may(
            'ai.embedding_models:select',
            'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
        )
    )
);

create policy "the worker reads models"
on ai.embedding_models
as permissive
for select
to gardenos_worker
using (
    (select app.agency_id()) is not null
    and (select app.is_agency_active())
);

create policy "search reads the model of an agency"
on ai.embedding_models
as permissive
for select
to gardenos_search
using (
    true
);

create policy "the publisher looks for work"
on ai.embedding_models
as permissive
for select
to gardenos_publisher
using (
    true
);

create policy "the auditor reads everything"
on ai.embedding_models
as permissive
for select
to gardenos_auditor
using (
    true
);

grant select on table ai.embedding_models to authenticated;

grant select, insert, update, delete on table ai.embedding_models to service_role;

grant select on table ai.embedding_models to gardenos_auditor;

grant select on table ai.embedding_models to gardenos_worker;

grant select on table ai.embedding_models to gardenos_search;

grant select on table ai.embedding_models to gardenos_publisher;
