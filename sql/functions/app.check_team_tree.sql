-- Teams form a tree of at most five levels. A lead's reach includes the teams below, so a circle would be a
-- circle of rights. Writers of one agency's tree take turns: two moves that are each fine could close a
-- circle together. Taking turns helps only who sees what the other has done meanwhile: under REPEATABLE
-- READ nobody does, so it is refused. (SERIALIZABLE finds the conflict by itself: 40001.)
--
-- SECURITY DEFINER: a deleted team is still a link in the tree, and most members cannot see it.
set local role gardenos_membership_reader;

create or replace function app.check_team_tree()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    above integer;
    below integer;
begin
    if current_setting('transaction_isolation') = 'repeatable read' then
        raise exception 'Teams are not put below one another under REPEATABLE READ.'
            using errcode = '0A000',
            hint = 'Use READ COMMITTED or SERIALIZABLE.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('tenancy.teams ' || new.agency_id::text, 0));
    with recursive ancestors as (
        select t.id, t.parent_team_id, 1 as level
          from tenancy.teams as t
         where t.agency_id = new.agency_id
           and t.id = new.parent_team_id
        union all
        select t.id, t.parent_team_id, a.level + 1
          from ancestors as a
          join tenancy.teams as t
            on t.agency_id = new.agency_id
           and t.id = a.parent_team_id
         where a.level <= 5
           and a.id <> new.id
    )
    select case when bool_or(a.id = new.id) then 99 else coalesce(max(a.level), 0) end
      into above
      from ancestors as a;
    if above = 99 or new.parent_team_id = new.id then
        raise exception 'A team cannot stand below itself.'
            using errcode = '23514';
    end if;
    with recursive descendants as (
        select t.id, 1 as level
          from tenancy.teams as t
         where t.agency_id = new.agency_id
           and t.parent_team_id = new.id
        union all
        select t.id, d.level + 1
          from descendants as d
          join tenancy.teams as t
            on t.agency_id = new.agency_id
           and t.parent_team_id = d.id
         where d.level <= 5
    )
    select coalesce(max(d.level), 0)
      into below
      from descendants as d;
    if above + 1 + below > 5 then
        raise exception 'Teams have at most five levels; here there would be %.', above + 1 + below
            using errcode = '23514';
    end if;
    return new;
end;
$function$;

revoke all on function app.check_team_tree() from public;
grant execute on function app.check_team_tree() to
    gardenos_owner;

comment on function app.check_team_tree() is
'Refuses a circle of teams and a sixth level.';

set local role gardenos_owner;
