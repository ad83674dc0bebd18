-- No escalation. It asks the live role, not the token, and holds for every update, because "touch" includes
-- a display name. Exempt are those who answer for the rank themselves: service_role, the functions of the
-- tenancy writer, merges, which move a client to the contact that is left, erasures, and the owner of the
-- table, as which foreign keys clear a reference. What a membership is made of holds for all.
--
-- Who may be added is asked AFTER the insert: an upsert that ends as an update never gets there, while its
-- BEFORE INSERT triggers have run.
create or replace function app.guard_membership()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_when = 'BEFORE' then
        if tg_op = 'UPDATE' and new.user_id <> old.user_id then
            raise exception 'A membership stays with its user.'
                using errcode = 'PT403';
        end if;
        if (tg_op = 'INSERT' or new.role <> old.role)
            and (new.role = 'ai_agent') <> app.is_agent(new.user_id) then
            raise exception 'The role ai_agent is for users of kind agent, and they have no other.'
                using errcode = '23514';
        end if;
        new.suspended_at := case when new.status = 'suspended' then coalesce(new.suspended_at, now()) end;
        new.removed_at := case when new.status = 'removed' then coalesce(new.removed_at, now()) end;
    end if;

    if current_user = 'gardenos_tenancy_writer' or (tg_op = 'INSERT' and tg_when = 'BEFORE') then
        return new;
    end if;
    if tg_op = 'INSERT' and new.role <> 'ai_agent' then
        raise exception 'People become members by invitation only.'
            using errcode = '42501',
            hint = 'Use app.invite; the first owner is made by app.create_agency.';
    end if;
    if current_user in ('service_role', 'gardenos_owner', 'gardenos_merger', 'gardenos_eraser') then
        return new;
    end if;

    if app.outranks_me(new.role) then
        raise exception 'Your role does not allow you to give the role %.', new.role
            using errcode = '42501';
    end if;
    if tg_op = 'INSERT' then
        return new;
    end if;
    if app.outranks_me(old.role) then
        raise exception 'Your role does not allow you to touch the membership of a(n) %.', old.role
            using errcode = '42501';
    end if;
    if old.id = app.membership_id()
        and (new.role, new.record_scope, new.capabilities, new.status)
        is distinct from (old.role, old.record_scope, old.capabilities, old.status) then
        raise exception 'Nobody changes their own role, scope, capabilities or status.'
            using errcode = '42501',
            hint = 'Ask another owner or admin; to leave, call app.leave_agency().';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_membership() from public;

comment on function app.guard_membership() is
'Refuses that anybody raises a role above their own, or touches one above it.';
