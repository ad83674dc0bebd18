-- The way of an import: draft, validating, ready, running, done or failed, reverted. What it does stands
-- still once it left the draft. Only its owner starts it, in person or with a key that has no scopes: the
-- worker will write with all that the owner may, so an admin who could start an owner's import would
-- write as the owner. Whoever may change the import may stop it (running to ready) and revert it. The
-- worker says how it ends.
create or replace function app.guard_import()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
begin
    if tg_op = 'INSERT' then
        if current_user = 'authenticated' and new.status <> 'draft' then
            raise exception 'An import begins as a draft.'
                using errcode = '23514',
                column = 'status';
        end if;
        return new;
    end if;
    if old.status <> 'draft' and (
        new.entity <> old.entity
        or new.mapping <> old.mapping
        or new.dedupe <> old.dedupe
        or new.owner_id <> old.owner_id
        or new.file_id <> old.file_id
    ) then
        raise exception 'An import is changed while it is a draft only; this one is %.', old.status
            using errcode = '23514',
            column = 'status',
            hint = 'Set status to draft first, as long as it did not run.';
    end if;
    if new.status = old.status then
        return new;
    end if;
    if new.status <> all(
        case old.status
            when 'draft' then '{validating}'
            when 'validating' then '{draft,ready,failed}'
            when 'ready' then case
                when old.started_at is null then '{draft,validating,running}' else '{running,reverted}'
            end
            when 'running' then '{ready,done,failed}'
            when 'failed' then case
                when old.started_at is null then '{draft,validating}' else '{running,reverted}'
            end
            when 'done' then '{reverted}'
            else '{}'
        end::app.import_status[]
    ) then
        raise exception 'An import that is % does not become %.', old.status, new.status
            using errcode = '23514',
            column = 'status';
    end if;
    if current_user = 'authenticated' and (
        new.status in ('done', 'failed') or (old.status = 'validating' and new.status = 'ready')
    ) or current_user = 'gardenos_worker' and (
        old.status not in ('validating', 'running') or new.status not in ('ready', 'done', 'failed')
    ) then
        raise exception 'This step of an import (% to %) is not yours.', old.status, new.status
            using errcode = '42501';
    end if;
    if current_user = 'authenticated' and new.status in ('validating', 'running') and (
        proof.membership_id is distinct from old.owner_id
        or not proof.is_person
        or proof.scopes is not null
    ) then
        raise exception 'An import is started by its owner, with whose rights it writes.'
            using errcode = '42501',
            hint = 'Become its owner while it is a draft. Agents and keys with scopes start none.';
    end if;
    case new.status
        when 'running' then
            new.started_at := coalesce(old.started_at, now());
            new.finished_at := null;
            new.revert_until := now() + interval '30 days';
        when 'done', 'failed' then
            new.finished_at := now();
        when 'reverted' then
            if now() > old.revert_until then
                raise exception 'This import can no longer be reverted: it could until %.', old.revert_until
                    using errcode = '23514',
                    column = 'revert_until';
            end if;
            new.reverted_at := now();
        else
            null;
    end case;
    return new;
end;
$function$;

revoke all on function app.guard_import() from public;

comment on function app.guard_import() is
'Keeps imports to their way, and starts them for nobody but their owner.';
