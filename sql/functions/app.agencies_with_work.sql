-- Which agencies have work of a kind: what a worker that knows no agency asks before it binds to one. Ids,
-- nothing else. `events`: events to publish, deliveries that are due. `texts`: documents to cut, texts that
-- wait for a vector. Hops from one agency to the next in the indexes of what is not done: there are many
-- events and few agencies.
--
-- SECURITY DEFINER: a worker sees one agency at a time, and only when it is bound.
set local role gardenos_publisher;

create or replace function app.agencies_with_work(kind text default 'events')
returns setof uuid
language plpgsql
stable
parallel safe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    case kind
        when 'events' then
            return query
                with recursive publishing as (
                    (
                        select e.agency_id
                          from integration.outbox_events as e
                         where e.published_at is null
                         order by e.agency_id
                         limit 1
                    )
                    union all
                    select (
                        select e.agency_id
                          from integration.outbox_events as e
                         where e.agency_id > p.agency_id
                           and e.published_at is null
                         order by e.agency_id
                         limit 1
                    )
                      from publishing as p
                     where p.agency_id is not null
                ),
                delivering as (
                    (
                        select d.agency_id
                          from integration.webhook_deliveries as d
                         where d.status in ('pending', 'failed')
                         order by d.agency_id
                         limit 1
                    )
                    union all
                    select (
                        select d.agency_id
                          from integration.webhook_deliveries as d
                         where d.agency_id > p.agency_id
                           and d.status in ('pending', 'failed')
                         order by d.agency_id
                         limit 1
                    )
                      from delivering as p
                     where p.agency_id is not null
                )
                select p.agency_id
                  from publishing as p
                 where p.agency_id is not null
                union
                select w.agency_id
                  from delivering as w
                 where exists (
                    select 1
                      from integration.webhook_deliveries as d
                     where d.agency_id = w.agency_id
                       and d.status in ('pending', 'failed')
                       and d.next_attempt_at <= now()
                 );
        when 'texts' then
            return query
                with recursive embedding as (
                    (
                        select j.agency_id
                          from ai.embedding_jobs as j
                         where j.dead_at is null
                         order by j.agency_id
                         limit 1
                    )
                    union all
                    select (
                        select j.agency_id
                          from ai.embedding_jobs as j
                         where j.agency_id > p.agency_id
                           and j.dead_at is null
                         order by j.agency_id
                         limit 1
                    )
                      from embedding as p
                     where p.agency_id is not null
                ),
                cutting as (
                    (
                        select d.agency_id
                          from ai.documents as d
                         where d.status in ('pending', 'stale')
                           and d.deleted_at is null
                         order by d.agency_id
                         limit 1
                    )
                    union all
                    select (
                        select d.agency_id
                          from ai.documents as d
                         where d.agency_id > p.agency_id
                           and d.status in ('pending', 'stale')
                           and d.deleted_at is null
                         order by d.agency_id
                         limit 1
                    )
                      from cutting as p
                     where p.agency_id is not null
                ),
                busy as (
                    select w.agency_id
                      from embedding as w
                     where exists (
                         select 1
                           from ai.embedding_jobs as j
                          where j.agency_id = w.agency_id
                            and j.dead_at is null
                            and j.run_after <= now()
                            and (j.locked_until is null or j.locked_until < now())
                     )
                    union
                    select c.agency_id
                      from cutting as c
                )
                select a.id
                  from busy as b
                  join tenancy.agencies as a
                    on a.id = b.agency_id
                 where a.status = 'active'
                   and a.deleted_at is null;
        else
            raise exception 'There is no work of the kind %: it is events or texts.', coalesce(quote_literal(kind), 'null')
                using errcode = '22023';
    end case;
end;
$function$;

revoke all on function app.agencies_with_work(text) from public;
grant execute on function app.agencies_with_work(text) to
    gardenos_worker;

comment on function app.agencies_with_work(text) is
'The agencies with events to publish or deliveries that are due (events), or texts to cut or embed (texts).';

set local role gardenos_owner;
