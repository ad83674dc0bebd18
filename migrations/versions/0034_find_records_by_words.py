"""Find records by words

Reason:    people look for names, addresses, numbers and words among 100 000 records, and under
           row-level security no index of words can be used: gardenos_search reads past it and
           repeats what it says.
Locks:     AccessExclusive on the eight tables of crm that are searched, for the policies; they
           are new and empty.
Duration:  milliseconds.
Way back:  drops the functions, policies and grants.
"""

from migrations.runner.execute import execute

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- The activities in which a search text stands, the latest first: the ids of one page. Each word of the
        -- text must begin a word of the record.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_activities reads the rows again, under
        -- RLS.
        set local role gardenos_search;

        create or replace function app.activity_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            contact uuid := app.contact_id();
            reach app.record_scope := app.reach(
                'crm.activities:select',
                agency => '{owner,admin,client}',
                team => '{manager}',
                scope => '{member,viewer,ai_agent}'
            );
            words tsquery := app.search_words(query);
            hits uuid[];
            is_known boolean;
        begin
            if reach is null then
                return '{}';
            end if;
            with found as materialized (
                select
                    t.id,
                    t.occurred_at as rank
                  from crm.activities as t
                 where t.agency_id = proof.agency_id
                   and t.search @@ words
                   and t.deleted_at is null
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case reach
                           when 'all' then
                               t.visibility <> 'private' or proof.membership_id in (t.owner_id, t.assignee_id)
                           when 'team' then
                               proof.membership_id in (t.owner_id, t.assignee_id)
                               or (
                                   t.visibility <> 'private'
                                   and (
                                       t.team_id = any(teams)
                                       or (t.owner_id is null and t.assignee_id is null and t.team_id is null)
                                   )
                               )
                           when 'own' then proof.membership_id in (t.owner_id, t.assignee_id)
                       end
                   ) is true
                   and (
                       proof.agency_role <> 'client'
                       or proof.membership_id in (t.owner_id, t.assignee_id)
                       or (
                           t.visibility = 'client'
                           and t.contact_id = contact
                       )
                   )
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select activity_candidates.after, activity_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.activity_candidates(text, integer, uuid) from public;
        grant execute on function app.activity_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.activity_candidates(text, integer, uuid) is
        'The live activities that the caller may read and that hold the words; use app.search_activities.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The companies that a search text means, the most similar first: the ids of one page. A name is found by
        -- any part of three characters or more, by a similar word, and by how one of its words begins, and so is
        -- its domain.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_companies reads the rows again, under
        -- RLS.
        set local role gardenos_search;

        create or replace function app.company_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            reach app.record_scope := app.reach(
                'crm.companies:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
            wanted text := app.search_text(query);
            words tsquery := app.search_words(query);
            anywhere text := app.search_pattern(wanted);
            fuzzy text := case when anywhere is not null then wanted end;
            beginning text := case
                when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
            end;
            hits uuid[];
            is_known boolean;
        begin
            if reach is null then
                return '{}';
            end if;
            with found as materialized (
                select
                    t.id,
                    extensions.similarity(wanted, t.name) as rank
                  from (
                      select
                          r.id,
                          r.agency_id,
                          r.owner_id,
                          r.team_id,
                          r.deleted_at,
                          r.search,
                          lower(regexp_replace(
                              normalize(r.name || ' ' || coalesce(r.domain, ''), nfd),
                              '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                              '',
                              'g'
                          )) as name
                        from crm.companies as r
                  ) as t
                 where t.agency_id = proof.agency_id
                   and (
                       t.search @@ words
                       or t.name like anywhere
                       or fuzzy operator(extensions.<%) t.name
                       or t.name like beginning
                       or t.name like '% ' || beginning
                   )
                   and t.deleted_at is null
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case reach
                           when 'all' then true
                           when 'team' then
                               t.owner_id = proof.membership_id
                               or t.team_id = any(teams)
                               or (t.owner_id is null and t.team_id is null)
                           when 'own' then t.owner_id = proof.membership_id
                       end
                   ) is true
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select company_candidates.after, company_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.company_candidates(text, integer, uuid) from public;
        grant execute on function app.company_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.company_candidates(text, integer, uuid) is
        'The live companies that the caller may read and a search text means, best first; use app.search_companies.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The contacts that a search text means, the most similar first: the ids of one page. A name is found by
        -- any part of three characters or more, by a similar word, and by how one of its words begins; by the words
        -- of the job title. A contact is also found by a part of an address or a number, however the number was
        -- typed.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_contacts reads the rows again, under
        -- RLS.
        set local role gardenos_search;

        create or replace function app.contact_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            reach app.record_scope := app.reach(
                'crm.contacts:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
            wanted text := app.search_text(query);
            words tsquery := app.search_words(query);
            anywhere text := app.search_pattern(wanted);
            fuzzy text := case when anywhere is not null then wanted end;
            beginning text := case
                when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
            end;
            address text := app.search_pattern(lower(btrim(query)));
            number text := case
                when query ~ '^[-0-9+()./ ]+$'
                    then app.search_pattern(ltrim(regexp_replace(query, '[^0-9]', '', 'g'), '0'))
            end;
            reached uuid[] := '{}';
            owners uuid[] := '{}';
            hits uuid[];
            is_known boolean;
        begin
            if reach is null then
                return '{}';
            end if;
            if app.may('crm.contact_points:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent') then
                select
                    coalesce(array_agg(distinct p.contact_id), '{}'),
                    coalesce(array_agg(distinct p.contact_id) filter (where p.value_norm = lower(btrim(query))), '{}')
                  into reached, owners
                  from crm.contact_points as p
                 where p.agency_id = proof.agency_id
                   and p.deleted_at is null
                   and (
                       p.value_norm like address
                       or (
                           p.kind = 'phone'
                           and p.value_norm like number
                       )
                   );
            end if;
            with found as materialized (
                select
                    t.id,
                    (t.id = any(owners))::integer + extensions.similarity(wanted, t.name) as rank
                  from (
                      select
                          r.id,
                          r.agency_id,
                          r.owner_id,
                          r.team_id,
                          r.deleted_at,
                          r.search,
                          lower(regexp_replace(
                              normalize(r.full_name, nfd),
                              '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                              '',
                              'g'
                          )) as name
                        from crm.contacts as r
                  ) as t
                 where t.agency_id = proof.agency_id
                   and (
                       t.search @@ words
                       or t.name like anywhere
                       or fuzzy operator(extensions.<%) t.name
                       or t.name like beginning
                       or t.name like '% ' || beginning
                       or t.id = any(reached)
                   )
                   and t.deleted_at is null
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case reach
                           when 'all' then true
                           when 'team' then
                               t.owner_id = proof.membership_id
                               or t.team_id = any(teams)
                               or (t.owner_id is null and t.team_id is null)
                           when 'own' then t.owner_id = proof.membership_id
                       end
                   ) is true
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select contact_candidates.after, contact_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.contact_candidates(text, integer, uuid) from public;
        grant execute on function app.contact_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.contact_candidates(text, integer, uuid) is
        'The live contacts that the caller may read and a search text means, best first; use app.search_contacts.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The conversations in whose subject a search text stands, the latest first: the ids of one page. Each word
        -- of the text must begin a word of the subject. What was written is found by app.search_messages.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_conversations reads the rows again,
        -- under RLS.
        set local role gardenos_search;

        create or replace function app.conversation_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            contact uuid := app.contact_id();
            reach app.record_scope := app.reach(
                'crm.conversations:select',
                agency => '{owner,admin,client}',
                team => '{manager}',
                scope => '{ai_agent}',
                own => '{member}'
            );
            words tsquery := app.search_words(query);
            hits uuid[];
            is_known boolean;
        begin
            if reach is null then
                return '{}';
            end if;
            with found as materialized (
                select
                    c.id,
                    coalesce(c.last_message_at, c.created_at) as rank
                  from crm.conversations as c
                 cross join lateral (
                     select proof.membership_id in (c.owner_id, c.assignee_id)
                         or proof.membership_id = any(c.participant_ids)
                         or (
                             c.visibility = 'client'
                             and c.contact_id = contact
                         )
                 ) as takes_part (yes)
                 where c.agency_id = proof.agency_id
                   and to_tsvector('pg_catalog.simple', coalesce(c.subject, '')) @@ words
                   and c.deleted_at is null
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case reach
                           when 'all' then c.visibility <> 'private' or takes_part.yes
                           when 'team' then
                               takes_part.yes
                               or (
                                   c.visibility <> 'private'
                                   and (
                                       c.team_id = any(teams)
                                       or (c.owner_id is null and c.assignee_id is null and c.team_id is null)
                                   )
                               )
                           when 'own' then takes_part.yes
                       end
                   ) is true
                   and (
                       proof.agency_role <> 'client'
                       or (
                           c.visibility = 'client'
                           and c.contact_id = contact
                       )
                   )
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select conversation_candidates.after, conversation_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.conversation_candidates(text, integer, uuid) from public;
        grant execute on function app.conversation_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.conversation_candidates(text, integer, uuid) is
        'The live conversations that the caller may read with the words as subject; use app.search_conversations.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The deals that a search text means, the most similar title first: the ids of one page. A title is found
        -- by any part of three characters or more, by a similar word, and by how one of its words begins.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_deals reads the rows again, under RLS.
        set local role gardenos_search;

        create or replace function app.deal_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            reach app.record_scope := app.reach(
                'crm.deals:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
            wanted text := app.search_text(query);
            words tsquery := app.search_words(query);
            anywhere text := app.search_pattern(wanted);
            fuzzy text := case when anywhere is not null then wanted end;
            beginning text := case
                when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
            end;
            hits uuid[];
            is_known boolean;
        begin
            if reach is null then
                return '{}';
            end if;
            with found as materialized (
                select
                    t.id,
                    extensions.similarity(wanted, t.name) as rank
                  from (
                      select
                          r.id,
                          r.agency_id,
                          r.owner_id,
                          r.team_id,
                          r.deleted_at,
                          r.search,
                          lower(regexp_replace(
                              normalize(r.title, nfd),
                              '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                              '',
                              'g'
                          )) as name
                        from crm.deals as r
                  ) as t
                 where t.agency_id = proof.agency_id
                   and (
                       t.search @@ words
                       or t.name like anywhere
                       or fuzzy operator(extensions.<%) t.name
                       or t.name like beginning
                       or t.name like '% ' || beginning
                   )
                   and t.deleted_at is null
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case reach
                           when 'all' then true
                           when 'team' then
                               t.owner_id = proof.membership_id
                               or t.team_id = any(teams)
                               or (t.owner_id is null and t.team_id is null)
                           when 'own' then t.owner_id = proof.membership_id
                       end
                   ) is true
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select deal_candidates.after, deal_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.deal_candidates(text, integer, uuid) from public;
        grant execute on function app.deal_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.deal_candidates(text, integer, uuid) is
        'The live deals that the caller may read and a search text means, best first; use app.search_deals.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The calendar events in which a search text stands, the latest first: the ids of one page. Each word of
        -- the text must begin a word of the event.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_events reads the rows again, under RLS.
        set local role gardenos_search;

        create or replace function app.event_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            invited uuid[] := app.my_events();
            reach app.record_scope := app.reach(
                'crm.calendar_events:select',
                agency => '{owner,admin,client}',
                team => '{manager}',
                scope => '{member,viewer,ai_agent}'
            );
            words tsquery := app.search_words(query);
            hits uuid[];
            is_known boolean;
        begin
            if reach is null then
                return '{}';
            end if;
            with found as materialized (
                select
                    t.id,
                    t.starts_at as rank
                  from crm.calendar_events as t
                 cross join lateral (
                     select t.owner_id = proof.membership_id
                         or proof.membership_id = any(t.participant_ids)
                 ) as takes_part (yes)
                 where t.agency_id = proof.agency_id
                   and t.search @@ words
                   and t.deleted_at is null
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case reach
                           when 'all' then t.visibility <> 'private' or takes_part.yes
                           when 'team' then
                               takes_part.yes
                               or (
                                   t.visibility <> 'private'
                                   and (
                                       t.team_id = any(teams)
                                       or (t.owner_id is null and t.team_id is null)
                                   )
                               )
                           when 'own' then t.owner_id = proof.membership_id
                       end
                   ) is true
                   and (
                       proof.agency_role <> 'client'
                       or t.owner_id = proof.membership_id
                       or (
                           t.visibility = 'client'
                           and t.id = any(invited)
                       )
                   )
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select event_candidates.after, event_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.event_candidates(text, integer, uuid) from public;
        grant execute on function app.event_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.event_candidates(text, integer, uuid) is
        'The live events that the caller may read and that hold the words, latest first; use app.search_events.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function app.may(action text, VARIADIC roles app.agency_role[]) to gardenos_search;
        """
    )
    execute(
        r"""
        -- The messages in which a search text stands, the latest first: the ids of one page. Each word of the text
        -- must begin a word of the message. Messages of deleted conversations are not found.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words or trigrams can be used (they would run
        -- before the policies). So this repeats, for live rows, what the SELECT policy says, and a client that
        -- calls it learns nothing that the table would not tell. app.search_messages reads the rows again, under
        -- RLS.
        set local role gardenos_search;

        create or replace function app.message_candidates(
            query text,
            page_limit integer,
            after uuid
        )
        returns uuid[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            proof record := app.proof();
            teams uuid[] := app.my_teams();
            contact uuid := app.contact_id();
            reach app.record_scope := app.reach(
                'crm.conversations:select',
                agency => '{owner,admin,client}',
                team => '{manager}',
                scope => '{ai_agent}',
                own => '{member}'
            );
            words tsquery := app.search_words(query);
            hits uuid[];
            is_known boolean;
        begin
            if reach is null or not app.may(
                'crm.messages:select',
                'owner', 'admin', 'manager', 'member', 'client', 'ai_agent'
            ) then
                return '{}';
            end if;
            with found as materialized (
                select
                    t.id,
                    t.sent_at as rank
                  from crm.messages as t
                 -- offset 0: the conversation of each message that is found, never all of them
                 cross join lateral (
                     select v.*
                       from crm.conversations as v
                      where v.agency_id = t.agency_id
                        and v.id = t.conversation_id
                     offset 0
                 ) as c
                 cross join lateral (
                     select proof.membership_id in (c.owner_id, c.assignee_id)
                         or proof.membership_id = any(c.participant_ids)
                         or (
                             c.visibility = 'client'
                             and c.contact_id = contact
                         )
                 ) as takes_part (yes)
                 where t.agency_id = proof.agency_id
                   and t.search @@ words
                   and t.deleted_at is null
                   and (
                       proof.agency_role <> 'client'
                       or (
                           t.direction <> 'internal'
                           and t.status <> 'draft'
                       )
                   )
                   and c.deleted_at is null
                   and case reach
                       when 'all' then c.visibility <> 'private' or takes_part.yes
                       when 'team' then
                           takes_part.yes
                           or (
                               c.visibility <> 'private'
                               and (
                                   c.team_id = any(teams)
                                   or (c.owner_id is null and c.assignee_id is null and c.team_id is null)
                               )
                           )
                       when 'own' then takes_part.yes
                   end
                   and (
                       proof.agency_role <> 'client'
                       or (
                           c.visibility = 'client'
                           and c.contact_id = contact
                       )
                   )
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select message_candidates.after, message_candidates.page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return hits;
        end;
        $function$;

        revoke all on function app.message_candidates(text, integer, uuid) from public;
        grant execute on function app.message_candidates(text, integer, uuid) to
            authenticated;

        comment on function app.message_candidates(text, integer, uuid) is
        'The live messages that the caller may read and that hold the words, latest first; use app.search_messages.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.my_teams() to gardenos_search;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function app.reach(action text, own app.agency_role[], scope app.agency_role[], team app.agency_role[], agency app.agency_role[]) to gardenos_search;
        """
    )
    execute(
        r"""
        -- The activities with these words, the latest first, a page at a time: after is the id of the last one of
        -- the page before. Live ones only.
        --
        -- SECURITY INVOKER: app.activity_candidates says which, past RLS and fast; every row is read here, under
        -- RLS.
        create or replace function app.search_activities(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.activities
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.activity_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.activities as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_activities(text, integer, uuid) from public;
        grant execute on function app.search_activities(text, integer, uuid) to
            authenticated;

        comment on function app.search_activities(text, integer, uuid) is
        'Activities whose subject or body holds words that begin like those of the text, latest first.';
        """
    )
    execute(
        r"""
        -- The companies that a text means, by name or domain, the most similar first, a page at a time: after is
        -- the id of the last one of the page before. Live ones only.
        --
        -- SECURITY INVOKER: app.company_candidates says which, past RLS and fast; every row is read here, under
        -- RLS.
        create or replace function app.search_companies(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.companies
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.company_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.companies as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_companies(text, integer, uuid) from public;
        grant execute on function app.search_companies(text, integer, uuid) to
            authenticated;

        comment on function app.search_companies(text, integer, uuid) is
        'Companies by name, similar name or domain, best first.';
        """
    )
    execute(
        r"""
        -- The contacts that a text means, by name, job title, address or number, the most similar first, a page at
        -- a time: after is the id of the last one of the page before. Live ones only.
        --
        -- SECURITY INVOKER: app.contact_candidates says which, past RLS and fast; every row is read here, under
        -- RLS.
        create or replace function app.search_contacts(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.contacts
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.contact_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.contacts as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_contacts(text, integer, uuid) from public;
        grant execute on function app.search_contacts(text, integer, uuid) to
            authenticated;

        comment on function app.search_contacts(text, integer, uuid) is
        'Contacts by name, similar name, job title, e-mail address or phone number, best first.';
        """
    )
    execute(
        r"""
        -- The conversations with these words in the subject, the latest first, a page at a time: after is the id of
        -- the last one of the page before. Live ones only.
        --
        -- SECURITY INVOKER: app.conversation_candidates says which, past RLS and fast; every row is read here,
        -- under RLS.
        create or replace function app.search_conversations(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.conversations
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.conversation_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.conversations as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_conversations(text, integer, uuid) from public;
        grant execute on function app.search_conversations(text, integer, uuid) to
            authenticated;

        comment on function app.search_conversations(text, integer, uuid) is
        'Conversations whose subject holds words that begin like those of the text, latest first.';
        """
    )
    execute(
        r"""
        -- The deals that a text means, by title, the most similar first, a page at a time: after is the id of the
        -- last one of the page before. Live ones only.
        --
        -- SECURITY INVOKER: app.deal_candidates says which, past RLS and fast; every row is read here, under RLS.
        create or replace function app.search_deals(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.deals
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.deal_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.deals as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_deals(text, integer, uuid) from public;
        grant execute on function app.search_deals(text, integer, uuid) to
            authenticated;

        comment on function app.search_deals(text, integer, uuid) is
        'Deals by title or similar title, best first.';
        """
    )
    execute(
        r"""
        -- The calendar events with these words, the latest first, a page at a time: after is the id of the last one
        -- of the page before. Live ones only.
        --
        -- SECURITY INVOKER: app.event_candidates says which, past RLS and fast; every row is read here, under RLS.
        create or replace function app.search_events(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.calendar_events
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.event_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.calendar_events as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_events(text, integer, uuid) from public;
        grant execute on function app.search_events(text, integer, uuid) to
            authenticated;

        comment on function app.search_events(text, integer, uuid) is
        'Events whose title or description holds words that begin like those of the text, latest first.';
        """
    )
    execute(
        r"""
        -- The files that a text means, by name, the latest first, a page at a time: after is the id of the last one
        -- of the page before. Live ones only.
        --
        -- SECURITY INVOKER and without an index: who sees a file is asked of any of six parents, and a look-up past
        -- RLS would have to repeat the rules of all of them. It reads the files that the caller sees.
        create or replace function app.search_files(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.files
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            page_limit integer := audit.page_limit(page_size);
            wanted text := app.search_text(query);
            anywhere text := app.search_pattern(wanted);
            fuzzy text := case when anywhere is not null then wanted end;
            beginning text := case
                when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
            end;
            hits uuid[];
            is_known boolean;
        begin
            with found as materialized (
                select
                    t.id,
                    t.created_at as rank
                  from (
                      select
                          r.*,
                          lower(regexp_replace(
                              normalize(r.file_name, nfd),
                              '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                              '',
                              'g'
                          )) as folded
                        from crm.files as r
                  ) as t
                 where t.agency_id = agency
                   and (
                       t.folded like anywhere
                       or fuzzy operator(extensions.<%) t.folded
                       or t.folded like beginning
                       or t.folded like '% ' || beginning
                   )
                   and t.deleted_at is null
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select search_files.after, page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.files as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_files(text, integer, uuid) from public;
        grant execute on function app.search_files(text, integer, uuid) to
            authenticated;

        comment on function app.search_files(text, integer, uuid) is
        'Files by name or similar name, latest first.';
        """
    )
    execute(
        r"""
        -- The messages with these words, the latest first, a page at a time: after is the id of the last one of the
        -- page before. Live ones only.
        --
        -- SECURITY INVOKER: app.message_candidates says which, past RLS and fast; every row is read here, under
        -- RLS.
        create or replace function app.search_messages(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.messages
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            hits uuid[] := app.message_candidates(query, audit.page_limit(page_size), after);
        begin
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.messages as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_messages(text, integer, uuid) from public;
        grant execute on function app.search_messages(text, integer, uuid) to
            authenticated;

        comment on function app.search_messages(text, integer, uuid) is
        'Messages whose text holds words that begin like those of the text, latest first.';
        """
    )
    execute(
        r"""
        -- A text to look for anywhere in another one, as a pattern of LIKE: %, _ and \ are what they are. Null under
        -- three characters: every record has them somewhere, and no index does.
        create or replace function app.search_pattern(wanted text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if length(wanted) < 3 then
                return null;
            end if;
            return '%' || regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%';
        end;
        $function$;

        revoke all on function app.search_pattern(text) from public;
        grant execute on function app.search_pattern(text) to
            authenticated,
            gardenos_search;

        comment on function app.search_pattern(text) is
        'The LIKE pattern for a text anywhere in another one; null under three characters.';
        """
    )
    execute(
        r"""
        -- The products that a text means, by name or sku, the most similar first, a page at a time: after is the id
        -- of the last one of the page before. Live ones only.
        --
        -- SECURITY INVOKER and without an index: a catalogue is short, and all staff see all of it.
        create or replace function app.search_products(
            query text,
            page_size integer default 50,
            after uuid default null
        )
        returns setof crm.products
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            page_limit integer := audit.page_limit(page_size);
            wanted text := app.search_text(query);
            anywhere text := app.search_pattern(wanted);
            fuzzy text := case when anywhere is not null then wanted end;
            beginning text := case
                when anywhere is null then regexp_replace(wanted, '([\\%_])', '\\\1', 'g') || '%'
            end;
            hits uuid[];
            is_known boolean;
        begin
            with found as materialized (
                select
                    t.id,
                    extensions.similarity(wanted, t.folded) as rank
                  from (
                      select
                          r.*,
                          lower(regexp_replace(
                              normalize(r.name || ' ' || r.sku, nfd),
                              '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                              '',
                              'g'
                          )) as folded
                        from crm.products as r
                  ) as t
                 where t.agency_id = agency
                   and (
                       t.folded like anywhere
                       or fuzzy operator(extensions.<%) t.folded
                       or t.folded like beginning
                       or t.folded like '% ' || beginning
                   )
                   and t.deleted_at is null
            )
            select
                array(
                    select f.id
                      from found as f
                     where page.after is null
                        or (f.rank, f.id) < (select s.rank, s.id from found as s where s.id = page.after)
                     order by f.rank desc, f.id desc
                     limit page.size
                ),
                page.after is null or exists (select 1 from found as f where f.id = page.after)
              into hits, is_known
              from (select search_products.after, page_limit as size) as page;
            if not is_known then
                raise exception 'after is %, which this search does not find.', after
                    using errcode = '22023',
                    hint = 'Begin again without it: the record may have changed since.';
            end if;
            return query
                select r.*
                  from unnest(hits) with ordinality as h (id, place)
                  join crm.products as r
                    on r.agency_id = agency
                   and r.id = h.id
                 order by h.place;
        end;
        $function$;

        revoke all on function app.search_products(text, integer, uuid) from public;
        grant execute on function app.search_products(text, integer, uuid) to
            authenticated;

        comment on function app.search_products(text, integer, uuid) is
        'Products by name, similar name or sku, best first.';
        """
    )
    execute(
        r"""
        -- What somebody typed, as names are compared: lower case, without accents and vowel points, blanks as one.
        -- "muller" and "MÜLLER" are the same name, and so they are in Greek, Hebrew and Arabic. A letter of its own
        -- (ø, ß, ł) stays one. The search indexes of names hold this same expression.
        --
        -- Empty is null, which matches nothing: a search is not the list. A longer text is refused, not cut: it
        -- would find something else than was asked.
        create or replace function app.search_text(query text)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if length(query) > 200 then
                raise exception 'The search text has % characters; 200 are the most.', length(query)
                    using errcode = '22023';
            end if;
            return nullif(btrim(regexp_replace(
                lower(regexp_replace(
                    normalize(query, nfd),
                    '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]',
                    '',
                    'g'
                )),
                '\s+',
                ' ',
                'g'
            )), '');
        end;
        $function$;

        revoke all on function app.search_text(text) from public;
        grant execute on function app.search_text(text) to
            authenticated,
            gardenos_search;

        comment on function app.search_text(text) is
        'A search text as names are compared: lower case, no accents, single blanks; null when empty.';
        """
    )
    execute(
        r"""
        -- What somebody typed, as full text search: every word must begin a word of the record, in any order. Never
        -- an error: the words come from the parser that made the index, so quotes and operators are no syntax. Null
        -- without a word.
        create or replace function app.search_words(query text)
        returns tsquery
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            -- refuses a text that is too long
            perform app.search_text(query);
            return (
                select string_agg(
                    '''' || replace(replace(w.lexeme, '\', '\\'), '''', '''''') || ''':*',
                    ' & '
                )::tsquery
                  from unnest(to_tsvector('pg_catalog.simple', query)) as w
            );
        end;
        $function$;

        revoke all on function app.search_words(text) from public;
        grant execute on function app.search_words(text) to
            authenticated,
            gardenos_search;

        comment on function app.search_words(text) is
        'Full text search for records in which each word of a text begins a word; null without a word.';
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.activities
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.activities to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.calendar_events
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.calendar_events to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.companies
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.companies to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.contact_points
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.contact_points to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.contacts
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.contacts to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.conversations
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.conversations to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.deals
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.deals to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on crm.messages
        as permissive
        for select
        to gardenos_search
        using (
            true
        );

        grant select on table crm.messages to gardenos_search;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "search finds by words" on crm.messages;

        revoke select on table crm.messages from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.deals;

        revoke select on table crm.deals from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.conversations;

        revoke select on table crm.conversations from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.contacts;

        revoke select on table crm.contacts from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.contact_points;

        revoke select on table crm.contact_points from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.companies;

        revoke select on table crm.companies from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.calendar_events;

        revoke select on table crm.calendar_events from gardenos_search;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on crm.activities;

        revoke select on table crm.activities from gardenos_search;
        """
    )
    execute(
        r"""
        drop function app.search_words(query text);
        """
    )
    execute(
        r"""
        drop function app.search_text(query text);
        """
    )
    execute(
        r"""
        drop function app.search_products(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_pattern(wanted text);
        """
    )
    execute(
        r"""
        drop function app.search_messages(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_files(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_events(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_deals(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_conversations(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_contacts(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_companies(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        drop function app.search_activities(query text, page_size integer, after uuid);
        """
    )
    execute(
        r"""
        revoke execute on function app.reach(action text, own app.agency_role[], scope app.agency_role[], team app.agency_role[], agency app.agency_role[]) from gardenos_search cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.my_teams() from gardenos_search cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.message_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.may(action text, VARIADIC roles app.agency_role[]) from gardenos_search cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.event_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.deal_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.conversation_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.contact_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.company_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.activity_candidates(query text, page_limit integer, after uuid);

        set local role gardenos_owner;
        """
    )
