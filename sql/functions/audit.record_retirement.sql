-- Before a month leaves the trail: is it whole, sealed, verified and exported? If so this notes, agency
-- by agency, what leaves and which seals stay for it; if not it says what is wrong and nothing is noted.
-- audit.retire calls it and then detaches the month, in one transaction.
--
-- SECURITY DEFINER: the sealer reads the whole trail and alone appends to audit.retired. The owner, who
-- detaches, sees no row of it: FORCE ROW LEVEL SECURITY. A check that runs as the owner would find an
-- empty month, and agree.
set local role gardenos_audit_sealer;

create or replace function audit.record_retirement(month date, export_rows bigint, export_sha256 app.sha256)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    first_id uuid := app.uuid_v7_floor(record_retirement.month::timestamp at time zone 'UTC');
    end_id uuid := app.uuid_v7_floor((record_retirement.month + interval '1 month') at time zone 'UTC');
    unsealed record;
    left_rows bigint;
    chain record;
    broken record;
begin
    select
        coalesce(l.agency_id, s.agency_id) as agency_id,
        coalesce(l.row_count, 0) as present,
        coalesce(s.row_count, 0) as sealed
      into unsealed
      from (
          select e.agency_id, count(*) as row_count
            from audit.log as e
           where e.id >= first_id
             and e.id < end_id
           group by e.agency_id
      ) as l
      full join (
          select e.agency_id, sum(e.row_count) as row_count
            from audit.seals as e
           where e.month = record_retirement.month
           group by e.agency_id
      ) as s
        on s.agency_id = l.agency_id
     where l.row_count is distinct from s.row_count
     order by 1
     limit 1;
    if found then
        raise exception 'Month % cannot leave the trail: agency % has % rows in it, and % are sealed.',
            to_char(record_retirement.month, 'YYYY-MM'), unsealed.agency_id, unsealed.present, unsealed.sealed
            using errcode = '55000',
            hint = 'Seal first; where more are sealed than present, audit.verify says which are missing.';
    end if;

    left_rows := (
        select coalesce(sum(s.row_count), 0)
          from audit.seals as s
         where s.month = record_retirement.month
    );
    if left_rows is distinct from export_rows then
        raise exception 'Month % cannot leave the trail: it has % rows, and % were exported.',
            to_char(record_retirement.month, 'YYYY-MM'), left_rows, coalesce(export_rows::text, 'no number of')
            using errcode = '55000',
            hint = 'Export it again, and give the number of rows that the export printed.';
    end if;

    for chain in
        select s.agency_id, min(s.seq) as first_seal, max(s.seq) as last_seal
          from audit.seals as s
         where s.month = record_retirement.month
         group by s.agency_id
    loop
        for broken in
            select v.seal, v.log_id, v.problem
              from audit.verify(chain.agency_id, chain.first_seal, chain.last_seal) as v
        loop
            raise exception 'Month % cannot leave the trail, for it does not verify: agency %, seal %, row %: %.',
                to_char(record_retirement.month, 'YYYY-MM'),
                chain.agency_id,
                coalesce(broken.seal::text, 'none'),
                coalesce(broken.log_id::text, 'none'),
                broken.problem
                using errcode = '55000',
                hint = 'What leaves is evidence of nothing once its rows are gone: find out first.';
        end loop;
    end loop;

    insert into audit.retired (
        agency_id, month, row_count, first_seal, last_seal, head_hash, export_rows, export_sha256, retired_by
    )
    select
        s.agency_id,
        record_retirement.month,
        sum(s.row_count),
        min(s.seq),
        max(s.seq),
        (array_agg(s.seal_hash order by s.seq desc))[1],
        export_rows,
        export_sha256,
        session_user
      from audit.seals as s
     where s.month = record_retirement.month
     group by s.agency_id;
    return left_rows;
end;
$function$;

revoke all on function audit.record_retirement(date, bigint, app.sha256) from public;
grant execute on function audit.record_retirement(date, bigint, app.sha256) to
    gardenos_owner;

comment on function audit.record_retirement(date, bigint, app.sha256) is
'Checks a month that is to leave the trail and notes it for each agency; returns its rows. For audit.retire.';

set local role gardenos_owner;
