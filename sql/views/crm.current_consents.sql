-- What people agree to now: the latest event of each person and purpose, by the time it happened. Events of a
-- contact that was merged count for the one that is left: read here where the reader sees both, else by
-- app.merged_consents, so that nobody sees a consent whose withdrawal is hidden from them.
create or replace view crm.current_consents
with (security_invoker = true)
as
select distinct on (e.agency_id, e.contact_id, e.purpose)
    e.agency_id,
    e.contact_id,
    e.purpose,
    e.status,
    e.lawful_basis,
    e.source,
    e.occurred_at,
    e.id as consent_id
from (
    select
        c.agency_id,
        c.contact_id,
        c.id,
        c.purpose,
        c.lawful_basis,
        c.status,
        c.source,
        c.occurred_at
    from crm.consents as c
    union all
    select
        l.agency_id,
        l.merged_into_id as contact_id,
        c.id,
        c.purpose,
        c.lawful_basis,
        c.status,
        c.source,
        c.occurred_at
    from crm.contacts as l
    inner join crm.consents as c
        on l.agency_id = c.agency_id
        and l.id = c.contact_id
    where l.merged_into_id is not null
    union all
    select
        m.agency_id,
        m.contact_id,
        m.id,
        m.purpose,
        m.lawful_basis,
        m.status,
        m.source,
        m.occurred_at
    from app.merged_consents() as m
) as e
order by e.agency_id asc, e.contact_id asc, e.purpose asc, e.occurred_at desc, e.id desc;

grant select on table crm.current_consents to
authenticated,
service_role,
gardenos_auditor;

comment on view crm.current_consents is
'What each person agrees to now, by purpose.';
comment on column crm.current_consents.agency_id is 'Of the events.';
comment on column crm.current_consents.contact_id is 'The person; of merged contacts the one that is left.';
comment on column crm.current_consents.purpose is 'What for.';
comment on column crm.current_consents.status is 'The latest word.';
comment on column crm.current_consents.lawful_basis is 'Of that event.';
comment on column crm.current_consents.source is 'Of that event.';
comment on column crm.current_consents.occurred_at is 'When it happened, by its source.';
comment on column crm.current_consents.consent_id is 'That event.';
