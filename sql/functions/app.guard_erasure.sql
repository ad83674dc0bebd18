-- What a request to be forgotten may say of itself: it begins as requested, by whoever writes it, about a
-- name that is masked. Who approved it, what was done and how far it is, functions write; a request may be
-- refused until it is executed. Back office may bring in what was done elsewhere; that it had a second
-- approver, the table checks.
create or replace function app.guard_erasure()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_user not in ('authenticated', 'service_role', 'gardenos_worker') then
        return new;
    end if;
    if tg_op = 'INSERT' then
        if current_user <> 'service_role' and (
            new.status <> 'requested'
            or num_nonnulls(new.approved_by_id, new.executed_at, new.exported_at) > 0 or new.report <> '{}'
        ) then
            raise exception 'A request to be forgotten begins as requested.'
                using errcode = '42501',
                hint = 'app.approve_erasure and app.execute_erasure take it on.';
        end if;
        new.requested_by_id := coalesce(new.requested_by_id, app.membership_id());
        new.label_masked := app.masked_name(
            coalesce(
                case new.subject_kind
                    when 'contact' then (
                        select c.full_name::text
                          from crm.contacts as c
                         where c.agency_id = new.agency_id
                           and c.id = new.subject_id
                    )
                    when 'member' then (
                        select m.display_name::text
                          from tenancy.memberships as m
                         where m.agency_id = new.agency_id
                           and m.id = new.subject_id
                    )
                end,
                new.label_masked
            )
        );
        return new;
    end if;
    if (
        new.subject_kind, new.subject_id, new.requested_at, new.requested_by_id, new.approved_by_id,
        new.executed_at, new.report
    ) is distinct from (
        old.subject_kind, old.subject_id, old.requested_at, old.requested_by_id, old.approved_by_id,
        old.executed_at, old.report
    ) then
        raise exception 'Whom a request is about, who asked and approved, and what was done does not change.'
            using errcode = '42501';
    end if;
    if new.status <> old.status and (new.status <> 'refused' or old.status in ('running', 'done')) then
        raise exception 'A request that is % cannot be made %.', old.status, new.status
            using errcode = '42501',
            hint = 'app.approve_erasure approves, app.execute_erasure executes; before that it can be refused.';
    end if;
    new.label_masked := app.masked_name(new.label_masked);
    return new;
end;
$function$;

revoke all on function app.guard_erasure() from public;

comment on function app.guard_erasure() is
'Refuses that a request to be forgotten approves or executes itself.';
