"""Find what agents know

Reason:    ai.search finds chunks and memories by meaning and by words, under the policies of who asks; an
           agency with many vectors gets a partition and an index of its own, and used memories stay fresh.
Locks:     AccessExclusive on ai.agency_tiers, chunks, documents, embedding_models and memories, which get a
           policy for the search role each.
Duration:  milliseconds, whatever the size.
Way back:  drops the functions and the policies. Agencies that were promoted stay in their partitions, where
           nothing finds their vectors any more: demote them first.
"""

from migrations.runner.execute import execute

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- What the agency knows about a question: chunks of documents and memories, the best first. By its meaning
        -- (query_embedding, made with the model that app.search_model names), by its words (query), or by both; the
        -- filters are those of app.search_filters. Always k rows when k are there to be found.
        --
        -- SECURITY INVOKER: each row is read under the policies of the caller. It writes nothing, so it works on a
        -- replica; app.touch_memories notes which memories were used.
        --
        -- Two lists, of the nearest vectors and of the best hits of the words, become one by reciprocal rank. A
        -- memory fades with the time since it was last used, which changes its place and never hides it.
        create or replace function ai.search(
            query text default null,
            query_embedding real[] default null,
            k integer default 10,
            filters jsonb default '{}'
        )
        returns table (
            kind text,
            id uuid,
            document_id uuid,
            content text,
            score double precision,
            distance double precision,
            vector_place bigint,
            text_place bigint
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan
        as $function$
        #variable_conflict use_column
        declare
            agency uuid := app.agency_id();
            page_limit integer := greatest(3 * k, 50);
            chunk_ids uuid[];
            memory_ids uuid[];
        begin
            if k is null or k not between 1 and 100 then
                raise exception 'k is from 1 to 100, not %.', coalesce(k::text, 'null')
                    using errcode = '22023';
            end if;
            if query is null and query_embedding is null then
                raise exception 'A search needs a query, a query_embedding, or both.'
                    using errcode = '22023';
            end if;
            if (app.search_filters(filters)).records is not null then
                select a.chunk_ids, a.memory_ids
                  into chunk_ids, memory_ids
                  from app.texts_about(filters) as a;
            end if;
            return query
            with
            nearest as (
                select
                    coalesce(v.chunk_id, v.memory_id) as id,
                    v.memory_id is not null as is_memory,
                    v.distance,
                    row_number() over (order by v.distance, v.chunk_id, v.memory_id) as place
                  from app.vector_candidates(query_embedding, page_limit, filters, chunk_ids, memory_ids) as v
                 where query_embedding is not null
                 order by place
                 limit page_limit
            ),
            worded as (
                select
                    coalesce(t.chunk_id, t.memory_id) as id,
                    t.memory_id is not null as is_memory,
                    t.place
                  from app.text_candidates(search.query, page_limit, filters, chunk_ids, memory_ids) as t
                 where search.query is not null
            ),
            -- materialized, for the look-ups below: a coalesce might tell of a row, and waits for the policies
            fused as materialized (
                select
                    id,
                    is_memory,
                    n.distance,
                    n.place as vector_place,
                    w.place as text_place,
                    coalesce(1.0::double precision / (60 + n.place), 0)
                    + coalesce(1.0::double precision / (60 + w.place), 0) as score
                  from nearest as n
                  full join worded as w
                 using (id, is_memory)
            ),
            weighed as materialized (
                select f.*, m.content, f.score * coalesce(m.weight, 1) as weighed_score
                  from fused as f
                  left join lateral (
                      select
                          m.content::text,
                          greatest(0.3, least(1.5, 0.3 + 1.2 * exp(greatest(
                              -700,
                              -ln(2)
                              * greatest(extract(epoch from now() - coalesce(m.last_accessed_at, m.created_at)), 0)
                              / greatest(extract(epoch from coalesce(
                                  m.half_life,
                                  case m.kind
                                      when 'episodic' then interval '30 days'
                                      when 'semantic' then interval '180 days'
                                      when 'procedural' then interval '3650 days'
                                  end
                              )), 1)
                          )::double precision))) * (0.5 + m.importance / 2) as weight
                        from ai.memories as m
                       where m.agency_id = agency
                         and m.id = f.id
                         and f.is_memory
                      offset 0
                  ) as m
                    on true
            )
            select
                case when w.is_memory then 'memory' else 'chunk' end,
                w.id,
                c.document_id,
                coalesce(c.content, w.content),
                w.weighed_score,
                w.distance,
                w.vector_place,
                w.text_place
              from (
                  select *
                    from weighed
                   order by weighed_score desc, id
                  offset 0
              ) as w
              -- offset 0: only the chunks that are returned are looked up
              left join lateral (
                  select c.document_id, c.content::text
                    from ai.chunks as c
                   where c.agency_id = agency
                     and c.id = w.id
                     and not w.is_memory
                  offset 0
              ) as c
                on true
             where coalesce(c.content, w.content) is not null
             order by w.weighed_score desc, w.id
             limit k;
        end;
        $function$;

        revoke all on function ai.search(text, real[], integer, jsonb) from public;
        grant execute on function ai.search(text, real[], integer, jsonb) to
            authenticated;

        comment on function ai.search(text, real[], integer, jsonb) is
        'The k chunks and memories that answer a question best, by vector, by words or by both.';
        """
    )
    execute(
        r"""
        -- Begins to move the vectors of the agency bound to another tier: from now on new ones go there, and a
        -- search reads both. Waits for who writes a vector of this agency (app.embedding_tier). Again is no error,
        -- and a move may be turned round before it is done. app.move_embeddings does the rest.
        create or replace function app.change_tier(storage text, tier text)
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
        begin
            if tier is null or tier not in ('small', 'large') then
                raise exception 'A tier is small or large, not %.', coalesce(tier, 'null')
                    using errcode = '22023';
            end if;
            if tier = 'large' and to_regclass(format(
                'ai.%I', 'embeddings_' || storage || '_large_' || replace(agency::text, '-', '')
            )) is null then
                raise exception 'The agency has no partition in tier large.'
                    using errcode = '55000',
                    hint = 'Make it with app.make_tier_partition.';
            end if;
            perform 1
               from ai.agency_tiers as t
              where t.agency_id = agency
                and t.storage = change_tier.storage;
            if not found then
                raise exception 'No active agency with vectors of storage % is bound.', coalesce(storage, 'null')
                    using errcode = '22023';
            end if;
            update ai.agency_tiers as t
               set tier = change_tier.tier,
                   state = 'moving'
             where t.agency_id = agency
               and t.storage = change_tier.storage
               and t.tier <> change_tier.tier;
        end;
        $function$;

        revoke all on function app.change_tier(text, text) from public;
        grant execute on function app.change_tier(text, text) to
            gardenos_worker;

        comment on function app.change_tier(text, text) is
        'Begins to move the vectors of the agency bound to the tier small or large.';
        """
    )
    execute(
        r"""
        -- Makes the partition of the agency bound in tier large, with an HNSW index of its own while it is empty.
        -- True when it made one, false when it is there. It is the first step of a promotion (migrations/tiers.py).
        --
        -- All of it is one transaction: a run that is killed leaves nothing behind. Attaching it clones the foreign
        -- keys, and for that no row of the tables they point to may be written. So these locks are asked for last
        -- and together, everything else being done: once they are there, they are held for milliseconds. How long
        -- they are asked for, with other writers behind, the caller says by lock_timeout, and tries again. Who reads
        -- never waits.
        --
        -- SECURITY DEFINER, as the owner: only the owner of a table attaches partitions to it.
        create or replace function app.make_tier_partition(storage text, distance text default 'cosine')
        returns boolean
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            parent text := 'embeddings_' || storage || '_large';
            partition text := parent || '_' || replace(agency::text, '-', '');
            operators text := split_part(storage, '_', 1) || case distance
                when 'cosine' then '_cosine_ops'
                when 'l2' then '_l2_ops'
                when 'inner_product' then '_ip_ops'
            end;
        begin
            if agency is null then
                raise exception 'No agency is bound.'
                    using errcode = '42501';
            end if;
            if operators is null or to_regclass(format('ai.%I', parent)) is null then
                raise exception 'There is no storage % with distance %.',
                    coalesce(storage, 'null'), coalesce(distance, 'null')
                    using errcode = '22023';
            end if;
            -- of two that make the same one, the second waits and finds it
            perform pg_advisory_xact_lock(hashtextextended(partition, 0));
            if exists (
                select 1
                  from pg_inherits as i
                 where i.inhparent = format('ai.%I', parent)::regclass
                   and i.inhrelid = to_regclass(format('ai.%I', partition))
            ) then
                return false;
            end if;
            if to_regclass(format('ai.%I', partition)) is not null then
                raise exception 'ai.% is there, but is no partition of ai.%.', partition, parent
                    using errcode = '55000',
                    hint = 'Attach it again, or rename it.';
            end if;
            execute format(
                'create table ai.%I (like ai.%I including defaults including constraints including indexes'
                || ' including storage)',
                partition,
                parent
            );
            execute format('alter table ai.%I enable row level security', partition);
            execute format('alter table ai.%I force row level security', partition);
            execute format(
                'comment on table ai.%I is %L',
                partition,
                format('A partition of ai.embeddings_%s, for nobody to touch.', storage)
            );
            execute format(
                'create index on ai.%I using hnsw (embedding extensions.%I) with (m = 16, ef_construction = 64)',
                partition,
                operators
            );
            execute format(
                'lock table %s in share row exclusive mode',
                (
                    select string_agg(distinct c.confrelid::regclass::text, ', ')
                      from pg_constraint as c
                     where c.conrelid = format('ai.%I', parent)::regclass
                       and c.contype = 'f'
                )
            );
            execute format('alter table ai.%I attach partition ai.%I for values in (%L)', parent, partition, agency);
            return true;
        end;
        $function$;

        revoke all on function app.make_tier_partition(text, text) from public;
        grant execute on function app.make_tier_partition(text, text) to
            gardenos_worker;

        comment on function app.make_tier_partition(text, text) is
        'Makes the partition and the index of an agency in tier large; true when there was none.';
        """
    )
    execute(
        r"""
        -- Moves so many vectors of the agency bound to the tier it is to be in. The state after that is "ready" once
        -- the other tier is empty, until then "moving". Each batch is a transaction of its own: whatever ends the
        -- run, each vector is in one of the tiers, and the next run goes on.
        --
        -- Vectors that somebody else is writing are passed over. Who meets one that was just moved gets 40001, and
        -- tries again.
        create or replace function app.move_embeddings(
            storage text,
            batch_size integer default 100,
            out moved integer,
            out state text
        )
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            place record;
            away text;
            is_left boolean;
        begin
            select t.tier, t.state
              into place
              from ai.agency_tiers as t
             where t.agency_id = agency
               and t.storage = move_embeddings.storage
               for share;
            if not found then
                raise exception 'No active agency with vectors of storage % is bound.', coalesce(storage, 'null')
                    using errcode = '22023';
            end if;
            moved := 0;
            state := place.state;
            if state = 'ready' then
                return;
            end if;
            away := case place.tier when 'large' then 'small' else 'large' end;
            execute format(
                'update ai.%1$I as e set tier = %2$L where e.agency_id = %4$L and e.tier = %3$L and e.id = any(array('
                || 'select s.id from ai.%1$I as s where s.agency_id = %4$L and s.tier = %3$L'
                || ' limit $1 for update skip locked))',
                'embeddings_' || storage,
                place.tier,
                away,
                agency
            )
              using batch_size;
            get diagnostics moved = row_count;
            if moved > 0 then
                return;
            end if;
            execute format(
                'select exists (select 1 from ai.%I as e where e.agency_id = %L and e.tier = %L)',
                'embeddings_' || storage,
                agency,
                away
            )
               into is_left;
            if not is_left then
                state := 'ready';
                update ai.agency_tiers as t
                   set state = 'ready'
                 where t.agency_id = agency
                   and t.storage = move_embeddings.storage;
            end if;
        end;
        $function$;

        revoke all on function app.move_embeddings(text, integer) from public;
        grant execute on function app.move_embeddings(text, integer) to
            gardenos_worker;

        comment on function app.move_embeddings(text, integer) is
        'Moves a batch of vectors to the tier of the agency bound: how many, and "ready" when all are there.';
        """
    )
    execute(
        r"""
        -- The filters of ai.search, taken apart. What nobody knows, or cannot be read, is refused with 22023: a
        -- filter that is not applied finds too much.
        --
        -- | key | keeps |
        -- |---|---|
        -- | type | a word or a list: document, memory; file, conversation, activity, contact, company, deal, note, |
        -- |      | which is what a document was made of; semantic, episodic, procedural, the kinds of memories |
        -- | contact_id, company_id, deal_id | what is about this record (app.texts_about) |
        -- | document_id, file_id, conversation_id, activity_id | this document, or the one made of this |
        -- | owner_id | what this member owns |
        -- | after, before | documents and memories that were made at this time or later, or before it |
        create or replace function app.search_filters(
            filters jsonb,
            out source_kinds text[],
            out memory_kinds app.memory_kind[],
            out records jsonb,
            out owner_id uuid,
            out since timestamptz,
            out until timestamptz
        )
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sources constant text[] := '{file,conversation,activity,contact,company,deal,note}';
            kinds constant text[] := enum_range(null::app.memory_kind)::text[];
            filter record;
            word text;
        begin
            if jsonb_typeof(filters) is distinct from 'object' then
                raise exception 'Filters are an object, like {"type": "memory"}.'
                    using errcode = '22023';
            end if;
            for filter in
                select f.key, f.value, f.value #>> '{}' as word, jsonb_typeof(f.value) as type
                  from jsonb_each(filters) as f
            loop
                if filter.key = 'type' and filter.type in ('string', 'array') and filter.value <> '[]' then
                    source_kinds := '{}';
                    memory_kinds := '{}';
                    for word in
                        select jsonb_path_query(filter.value, '$[*]') #>> '{}'
                    loop
                        if word = 'document' then
                            source_kinds := sources;
                        elsif word = 'memory' then
                            memory_kinds := kinds;
                        elsif word = any(sources) then
                            source_kinds := source_kinds || word;
                        elsif word = any(kinds) then
                            memory_kinds := memory_kinds || word::app.memory_kind;
                        else
                            raise exception 'There is no type %.', coalesce(word, 'null')
                                using errcode = '22023',
                                hint = format('Types are document, memory, %s.', array_to_string(sources || kinds, ', '));
                        end if;
                    end loop;
                elsif filter.key in ('after', 'before') and filter.type = 'string' then
                    begin
                        if filter.key = 'after' then
                            since := filter.word::timestamptz;
                        else
                            until := filter.word::timestamptz;
                        end if;
                    exception
                        when data_exception then
                            raise exception 'The filter % is a time, like 2026-01-31T12:00:00Z, not %.', filter.key, filter.word
                                using errcode = '22023';
                    end;
                elsif filter.key in (
                    'contact_id', 'company_id', 'deal_id', 'document_id', 'file_id', 'conversation_id', 'activity_id',
                    'owner_id'
                ) and filter.word ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
                    if filter.key = 'owner_id' then
                        owner_id := filter.word::uuid;
                    else
                        records := coalesce(records, '{}') || jsonb_build_object(filter.key, filter.word);
                    end if;
                else
                    raise exception 'There is no filter % of %.', filter.key, filter.value
                        using errcode = '22023',
                        hint = 'Filters are type (a word or a list), contact_id, company_id, deal_id, document_id, file_id,'
                            ' conversation_id, activity_id and owner_id (a uuid), after and before (a time).';
                end if;
            end loop;
        end;
        $function$;

        revoke all on function app.search_filters(jsonb) from public;
        grant execute on function app.search_filters(jsonb) to
            authenticated,
            gardenos_search;

        comment on function app.search_filters(jsonb) is
        'The filters of a search, taken apart; 22023 for one that nobody knows.';
        """
    )
    execute(
        r"""
        -- The model that texts of my agency are found by: who asks must embed the question with it.
        --
        -- SECURITY DEFINER, as the search role: a key may search without the scope to read the agency.
        set local role gardenos_search;

        create or replace function app.search_model(
            out id uuid,
            out key text,
            out storage text,
            out vector_type text,
            out dims integer,
            out distance text
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            select m.id, m.key, m.storage, m.vector_type, m.dims, m.distance
              into id, key, storage, vector_type, dims, distance
              from tenancy.agencies as a
              join ai.embedding_models as m
                on m.id = a.embedding_model_id
             where a.id = proof.agency_id;
        end;
        $function$;

        revoke all on function app.search_model() from public;
        grant execute on function app.search_model() to
            authenticated;

        comment on function app.search_model() is
        'The embedding model of my agency; nulls when it has none.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Where the vectors of my agency are: the tiers that a search has to read. Both while it is moved from one to
        -- the other, since each vector is in one of them.
        --
        -- SECURITY DEFINER, as the search role: which tier an agency is in is nobody's business, and no API role
        -- reads ai.agency_tiers. It tells of the caller's own agency alone.
        set local role gardenos_search;

        create or replace function app.search_tiers(storage text)
        returns text[]
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return (
                select case t.state when 'moving' then '{small,large}' else array[t.tier] end
                  from ai.agency_tiers as t
                 where t.agency_id = proof.agency_id
                   and t.storage = search_tiers.storage
            );
        end;
        $function$;

        revoke all on function app.search_tiers(text) from public;
        grant execute on function app.search_tiers(text) to
            authenticated;

        comment on function app.search_tiers(text) is
        'The tiers that hold vectors of my agency: one, or both while it is moved.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The chunks and memories in which a search text stands, the best first: the ids of so many. Each word of the
        -- text must begin a word of the chunk or memory. What expired or was replaced is not found.
        --
        -- SECURITY DEFINER, as the search role: under RLS no index of words can be used (they would run before the
        -- policies). So this repeats, for live rows, what the SELECT policies say, and a client that calls it learns
        -- nothing that the tables would not tell. ai.search reads the rows again, under RLS.
        set local role gardenos_search;

        create or replace function app.text_candidates(
            query text,
            page_limit integer,
            filters jsonb default '{}',
            chunk_ids uuid[] default null,
            memory_ids uuid[] default null
        )
        returns table (chunk_id uuid, memory_id uuid, place bigint)
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        #variable_conflict use_column
        declare
            words tsquery := app.search_words(query);
            filter record := app.search_filters(filters);
            proof record;
            me uuid;
            teams uuid[];
            document_reach app.record_scope;
            reads_all_talk boolean;
            reads_memories boolean;
            contact_reach app.record_scope;
            company_reach app.record_scope;
            deal_reach app.record_scope;
        begin
            if words is null then
                return;
            end if;
            proof := app.proof();
            me := proof.membership_id;
            teams := app.my_teams();
            if app.may('ai.chunks:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent') then
                document_reach := app.reach(
                    'ai.documents:select',
                    agency => '{owner,admin}',
                    team => '{manager}',
                    scope => '{member,viewer,ai_agent}'
                );
                reads_all_talk := app.may('ai.documents:select', 'owner', 'admin', 'manager');
            end if;
            reads_memories := app.may('ai.memories:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent');
            contact_reach := app.reach(
                'crm.contacts:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
            company_reach := app.reach(
                'crm.companies:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
            deal_reach := app.reach(
                'crm.deals:select',
                agency => '{owner,admin}',
                scope => '{manager,member,viewer,ai_agent}'
            );
            return query
            with
            found as (
                select c.id as chunk_id, null::uuid as memory_id, ts_rank(c.search, words) as rank
                  from ai.chunks as c
                 where c.agency_id = proof.agency_id
                   and c.search @@ words
                   -- "is true" keeps the planner from looking for the few words among all that somebody owns
                   and (
                       case document_reach
                           when 'all' then c.visibility <> 'private' or c.owner_id = me or me = any(c.participant_ids)
                           when 'team' then
                               c.owner_id = me
                               or me = any(c.participant_ids)
                               or (
                                   c.visibility <> 'private'
                                   and (
                                       c.team_id = any(teams)
                                       or (c.owner_id is null and c.team_id is null)
                                   )
                               )
                           when 'own' then c.owner_id = me
                       end
                       and (
                           c.participant_ids is null
                           or reads_all_talk
                           or (
                               proof.agency_role <> 'viewer'
                               and (c.owner_id = me or me = any(c.participant_ids))
                           )
                       )
                   ) is true
                   and (chunk_ids is null or c.id = any(chunk_ids))
                   and (filter.owner_id is null or c.owner_id = filter.owner_id)
                   and (
                       (filter.source_kinds is null and filter.since is null and filter.until is null)
                       or exists (
                           select 1
                             from ai.documents as d
                            where d.agency_id = c.agency_id
                              and d.id = c.document_id
                              and (filter.source_kinds is null or d.source_kind = any(filter.source_kinds))
                              and (filter.since is null or d.created_at >= filter.since)
                              and (filter.until is null or d.created_at < filter.until)
                           offset 0
                       )
                   )
                union all
                select null, m.id, ts_rank(m.search, words)
                  from ai.memories as m
                 where m.agency_id = proof.agency_id
                   and reads_memories
                   and m.search @@ words
                   and m.deleted_at is null
                   and m.superseded_by_id is null
                   and (m.expires_at is null or m.expires_at > now())
                   and (
                       (
                           m.owner_id = me
                           or m.visibility in ('agency', 'client')
                           or (
                               m.visibility = 'team'
                               and m.team_id = any(teams)
                           )
                       )
                       and case
                           case m.subject
                               when 'contact' then contact_reach
                               when 'company' then company_reach
                               when 'deal' then deal_reach
                               else 'all'
                           end
                           when 'all' then true
                           when 'team' then
                               m.owner_id = me
                               or m.team_id = any(teams)
                               or (m.owner_id is null and m.team_id is null)
                           when 'own' then m.owner_id = me
                       end
                   ) is true
                   and (memory_ids is null or m.id = any(memory_ids))
                   and (filter.memory_kinds is null or m.kind = any(filter.memory_kinds))
                   and (filter.owner_id is null or m.owner_id = filter.owner_id)
                   and (filter.since is null or m.created_at >= filter.since)
                   and (filter.until is null or m.created_at < filter.until)
            )
            select f.chunk_id, f.memory_id, row_number() over (order by f.rank desc, f.chunk_id, f.memory_id)
              from found as f
             order by f.rank desc, f.chunk_id, f.memory_id
             limit page_limit;
        end;
        $function$;

        revoke all on function app.text_candidates(text, integer, jsonb, uuid[], uuid[]) from public;
        grant execute on function app.text_candidates(text, integer, jsonb, uuid[], uuid[]) to
            authenticated;

        comment on function app.text_candidates(text, integer, jsonb, uuid[], uuid[]) is
        'The chunks and memories that the caller may read and that hold the words, best first; use ai.search.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- The chunks and memories that the filters of a search keep, when one of them names a record: few, so they
        -- are found first and compared one by one. About a contact, a company or a deal is the document made of it,
        -- those made of its activities, conversations and files, and the memories of it. Two records: what is about
        -- both.
        --
        -- SECURITY INVOKER: nothing is named that the caller cannot read. A key needs the scopes of activities,
        -- conversations and files to find what is about a record through them.
        create or replace function app.texts_about(filters jsonb, out chunk_ids uuid[], out memory_ids uuid[])
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_custom_plan
        as $function$
        declare
            agency uuid := app.agency_id();
            filter record := app.search_filters(filters);
            contact uuid := filter.records ->> 'contact_id';
            company uuid := filter.records ->> 'company_id';
            deal uuid := filter.records ->> 'deal_id';
            document uuid := filter.records ->> 'document_id';
            file uuid := filter.records ->> 'file_id';
            conversation uuid := filter.records ->> 'conversation_id';
            activity uuid := filter.records ->> 'activity_id';
            named integer := (select count(*) from jsonb_object_keys(filter.records));
            activities uuid[];
            conversations uuid[];
            files uuid[];
        begin
            if filter.source_kinds is null or filter.source_kinds <> '{}' then
                with
                about as (
                    select 1 as record, d.id
                      from ai.documents as d
                     where d.agency_id = agency
                       and d.contact_id = contact
                    union all
                    select 1, d.id
                      from crm.activities as a
                      join ai.documents as d
                        on d.agency_id = a.agency_id
                       and d.activity_id = a.id
                     where a.agency_id = agency
                       and a.contact_id = contact
                    union all
                    select 1, d.id
                      from crm.conversations as v
                      join ai.documents as d
                        on d.agency_id = v.agency_id
                       and d.conversation_id = v.id
                     where v.agency_id = agency
                       and v.contact_id = contact
                    union all
                    select 1, d.id
                      from crm.files as f
                      join ai.documents as d
                        on d.agency_id = f.agency_id
                       and d.file_id = f.id
                     where f.agency_id = agency
                       and f.contact_id = contact
                    union all
                    select 2, d.id
                      from ai.documents as d
                     where d.agency_id = agency
                       and d.company_id = company
                    union all
                    select 2, d.id
                      from crm.activities as a
                      join ai.documents as d
                        on d.agency_id = a.agency_id
                       and d.activity_id = a.id
                     where a.agency_id = agency
                       and a.company_id = company
                    union all
                    select 2, d.id
                      from crm.files as f
                      join ai.documents as d
                        on d.agency_id = f.agency_id
                       and d.file_id = f.id
                     where f.agency_id = agency
                       and f.company_id = company
                    union all
                    select 3, d.id
                      from ai.documents as d
                     where d.agency_id = agency
                       and d.deal_id = deal
                    union all
                    select 3, d.id
                      from crm.activities as a
                      join ai.documents as d
                        on d.agency_id = a.agency_id
                       and d.activity_id = a.id
                     where a.agency_id = agency
                       and a.deal_id = deal
                    union all
                    select 3, d.id
                      from crm.conversations as v
                      join ai.documents as d
                        on d.agency_id = v.agency_id
                       and d.conversation_id = v.id
                     where v.agency_id = agency
                       and v.deal_id = deal
                    union all
                    select 3, d.id
                      from crm.files as f
                      join ai.documents as d
                        on d.agency_id = f.agency_id
                       and d.file_id = f.id
                     where f.agency_id = agency
                       and f.deal_id = deal
                    union all
                    select k.record, d.id
                      from ai.documents as d
                     cross join lateral (
                         values
                         (4, d.id = document),
                         (5, d.file_id = file),
                         (6, d.conversation_id = conversation),
                         (7, d.activity_id = activity)
                     ) as k (record, is_it)
                     where d.agency_id = agency
                       and (d.id = document or d.file_id = file or d.conversation_id = conversation or d.activity_id = activity)
                       and k.is_it
                )
                select array_agg(c.id)
                  into chunk_ids
                  from ai.documents as d
                  join ai.chunks as c
                    on c.agency_id = d.agency_id
                   and c.document_id = d.id
                 where d.agency_id = agency
                   and d.id in (select a.id from about as a group by a.id having count(distinct a.record) = named)
                   and d.deleted_at is null
                   and (filter.source_kinds is null or d.source_kind = any(filter.source_kinds))
                   and (filter.owner_id is null or c.owner_id = filter.owner_id)
                   and (filter.since is null or d.created_at >= filter.since)
                   and (filter.until is null or d.created_at < filter.until);
            end if;
            if filter.memory_kinds is null or filter.memory_kinds <> '{}' then
                select array_agg(m.id)
                  into memory_ids
                  from ai.memories as m
                 where m.agency_id = agency
                   and (m.contact_id = contact or m.company_id = company or m.deal_id = deal)
                   and named = 1
                   and m.deleted_at is null
                   and m.superseded_by_id is null
                   and (m.expires_at is null or m.expires_at > now())
                   and (filter.memory_kinds is null or m.kind = any(filter.memory_kinds))
                   and (filter.owner_id is null or m.owner_id = filter.owner_id)
                   and (filter.since is null or m.created_at >= filter.since)
                   and (filter.until is null or m.created_at < filter.until);
            end if;
            chunk_ids := coalesce(chunk_ids, '{}');
            memory_ids := coalesce(memory_ids, '{}');
        end;
        $function$;

        revoke all on function app.texts_about(jsonb) from public;
        grant execute on function app.texts_about(jsonb) to
            authenticated;

        comment on function app.texts_about(jsonb) is
        'The chunks and memories about a record that the filters of a search name, as far as the caller reads them.';
        """
    )
    execute(
        r"""
        -- Notes that memories were used: from now on they are fresh again in the order of a search. A search itself
        -- writes nothing, so that it works on a replica; who used its results hands their ids to the worker, which
        -- writes them here, many at a time. An id that stands there twice was used twice; one that is gone is passed
        -- over. Answers how many memories it touched.
        --
        -- In the order of their ids, so that two workers with the same memories wait for each other and no more.
        create or replace function app.touch_memories(ids uuid[])
        returns integer
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            touched integer;
        begin
            perform 1
               from ai.memories as m
              where m.agency_id = agency
                and m.id = any(ids)
              order by m.id
                for no key update;
            update ai.memories as m
               set last_accessed_at = now(),
                   access_count = m.access_count + u.times
              from (
                  select i.id, count(*) as times
                    from unnest(ids) as i (id)
                   group by i.id
              ) as u
             where m.agency_id = agency
               and m.id = u.id
               and m.deleted_at is null;
            get diagnostics touched = row_count;
            return touched;
        end;
        $function$;

        revoke all on function app.touch_memories(uuid[]) from public;
        grant execute on function app.touch_memories(uuid[]) to
            gardenos_worker;

        comment on function app.touch_memories(uuid[]) is
        'Notes that these memories were used, once for each time an id is named; returns how many it touched.';
        """
    )
    execute(
        r"""
        -- The chunks and memories whose vectors are nearest to that of a question, nearest first: so many, when the
        -- caller may read so many that the filters keep. chunk_ids and memory_ids, when they are given, are all there
        -- is to compare.
        --
        -- SECURITY INVOKER: the access columns of a vector are those of its text, so the policies answer without
        -- looking at it.
        --
        -- Agency and tier are literals in the text that is run, so that the partitions of everybody else are left out
        -- when it is planned; (select …) would leave them out only when it runs. In tier small the vectors of the
        -- agency are compared one by one. In large its own index is asked, and asked on until enough rows are within
        -- the policies and the filters; if that takes too long the few that are within them are compared as well, so
        -- that an index never hides a row.
        --
        -- The planner knows neither what a distance costs nor that an index can be asked on, and would compare all
        -- rows of any agency: without sorts there is only the index. "offset 0" is for the opposite. What is not
        -- planned anew for each question is kept as a plan.

        -- Who is no superuser may name the settings of pgvector once it is loaded.
        select '[1]'::extensions.vector;

        create or replace function app.vector_candidates(
            query_embedding real[],
            page_limit integer,
            filters jsonb default '{}',
            chunk_ids uuid[] default null,
            memory_ids uuid[] default null
        )
        returns table (chunk_id uuid, memory_id uuid, distance double precision)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        set plan_cache_mode = force_generic_plan
        set jit = off
        set enable_sort = off
        set "hnsw.ef_search" = 200
        set "hnsw.iterative_scan" = relaxed_order
        set "hnsw.max_scan_tuples" = 5000
        as $function$
        #variable_conflict use_column
        declare
            agency uuid := app.agency_id();
            filter record := app.search_filters(filters);
            model record;
            tier text;
            scan text;
            has_memory_filter boolean := num_nonnulls(filter.memory_kinds, filter.since, filter.until) > 0;
            is_narrowed boolean := has_memory_filter or num_nonnulls(filter.source_kinds, filter.owner_id) > 0;
            wanted integer;
            chunks uuid[];
            memories uuid[];
            distances double precision[];
            found integer;
            live uuid[];
        begin
            if query_embedding is null or agency is null then
                return;
            end if;
            model := app.search_model();
            if model.id is null then
                raise exception 'The agency has no embedding model, so nothing is found by a vector.'
                    using errcode = '22023',
                    hint = 'Search by words, with query alone.';
            end if;
            if cardinality(query_embedding) <> model.dims or array_ndims(query_embedding) <> 1 then
                raise exception 'The query_embedding has % numbers, and those of % have %.',
                    cardinality(query_embedding), model.key, model.dims
                    using errcode = '22023';
            end if;
            if array_position(query_embedding, null) is not null
                or 'NaN' = any(query_embedding)
                or 'Infinity' = any(query_embedding)
                or '-Infinity' = any(query_embedding)
                or (0 = all(query_embedding) and model.distance = 'cosine')
            then
                raise exception 'The query_embedding is no vector: its numbers are finite, and not all of them 0.'
                    using errcode = '22023';
            end if;

            scan := format(
                'select e.chunk_id, e.memory_id, e.embedding operator(extensions.%s) $1::extensions.%I(%s) as distance'
                || ' from ai.%I as e where e.agency_id = %L and e.model_id = %L',
                case model.distance when 'l2' then '<->' when 'inner_product' then '<#>' else '<=>' end,
                model.vector_type,
                model.dims,
                'embeddings_' || model.storage,
                agency,
                model.id
            );
            if chunk_ids is not null then
                scan := scan || ' and (e.chunk_id = any($3) or e.memory_id = any($4))';
            else
                if filter.owner_id is not null then
                    scan := scan || ' and e.owner_id = $5';
                end if;
                scan := scan || case
                    when filter.memory_kinds = '{}' then ' and e.memory_id is null'
                    when not has_memory_filter then ''
                    else concat(
                        ' and (e.memory_id is null or exists (select 1 from ai.memories as m',
                        format(' where m.agency_id = %L and m.id = e.memory_id', agency),
                        ' and m.superseded_by_id is null and (m.expires_at is null or m.expires_at > now())',
                        case when filter.memory_kinds is not null then ' and m.kind = any($6)' end,
                        case when filter.since is not null then ' and m.created_at >= $8' end,
                        case when filter.until is not null then ' and m.created_at < $9' end,
                        ' offset 0))'
                    )
                end;
                scan := scan || case
                    when filter.source_kinds = '{}' then ' and e.chunk_id is null'
                    when filter.source_kinds is not null or filter.since is not null or filter.until is not null then
                        concat(
                            ' and (e.chunk_id is null or exists (select 1 from ai.chunks as c join ai.documents as d',
                            format(' on d.agency_id = %L and d.id = c.document_id', agency),
                            format(' where c.agency_id = %L and c.id = e.chunk_id', agency),
                            case when filter.source_kinds is not null then ' and d.source_kind = any($7)' end,
                            case when filter.since is not null then ' and d.created_at >= $8' end,
                            case when filter.until is not null then ' and d.created_at < $9' end,
                            ' offset 0))'
                        )
                    else ''
                end;
            end if;

            foreach tier in array app.search_tiers(model.storage)
            loop
                -- behind a filter the nearest are further apart in the graph: more of them, to miss none
                wanted := page_limit * case when is_narrowed then 3 else 1 end;
                loop
                    distances := null;
                    if tier = 'large' and chunk_ids is null then
                        execute format(
                            'select array_agg(n.chunk_id), array_agg(n.memory_id), array_agg(n.distance)'
                            || ' from (%s and e.tier = %L order by distance limit $2) as n',
                            scan,
                            tier
                        )
                           into chunks, memories, distances
                          using query_embedding, wanted, chunk_ids, memory_ids, filter.owner_id,
                                filter.memory_kinds, filter.source_kinds, filter.since, filter.until;
                    end if;
                    if distances is null or cardinality(distances) < wanted then
                        execute format(
                            'select array_agg(n.chunk_id), array_agg(n.memory_id), array_agg(n.distance)'
                            || ' from (select n.* from (%s and e.tier = %L offset 0) as n'
                            || ' order by n.distance limit $2) as n',
                            scan,
                            tier
                        )
                           into chunks, memories, distances
                          using query_embedding, wanted, chunk_ids, memory_ids, filter.owner_id,
                                filter.memory_kinds, filter.source_kinds, filter.since, filter.until;
                    end if;
                    -- Which of the memories are to be found at all. To ask it of each vector would take longer to
                    -- plan than the search takes; those that are not are few, and then more are asked for.
                    live := memories;
                    if array_remove(memories, null) <> '{}' and not has_memory_filter then
                        live := array(
                            select m.id
                              from ai.memories as m
                             where m.agency_id = agency
                               and m.id = any(memories)
                               and m.superseded_by_id is null
                               and (m.expires_at is null or m.expires_at > now())
                        );
                    end if;
                    found := (
                        select count(*)
                          from unnest(memories) as n (memory_id)
                         where n.memory_id is null
                            or n.memory_id = any(live)
                    );
                    exit when found >= page_limit or coalesce(cardinality(distances), 0) < wanted;
                    wanted := 4 * wanted;
                end loop;
                return query
                    select n.chunk_id, n.memory_id, n.distance
                      from unnest(chunks, memories, distances) with ordinality
                        as n (chunk_id, memory_id, distance, place)
                     where n.memory_id is null
                        or n.memory_id = any(live)
                     order by n.distance, n.place
                     limit page_limit;
            end loop;
        end;
        $function$;

        revoke all on function app.vector_candidates(real[], integer, jsonb, uuid[], uuid[]) from public;
        grant execute on function app.vector_candidates(real[], integer, jsonb, uuid[], uuid[]) to
            authenticated;

        comment on function app.vector_candidates(real[], integer, jsonb, uuid[], uuid[]) is
        'The chunks and memories that the caller may read and that are nearest to a vector; use ai.search.';
        """
    )
    execute(
        r"""
        grant select on table ai.agency_tiers to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search reads the tiers of an agency"
        on ai.agency_tiers
        as permissive
        for select
        to gardenos_search
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table ai.chunks to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on ai.chunks
        as permissive
        for select
        to gardenos_search
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table ai.documents to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on ai.documents
        as permissive
        for select
        to gardenos_search
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select on table ai.embedding_models to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search reads the model of an agency"
        on ai.embedding_models
        as permissive
        for select
        to gardenos_search
        using (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger stamp
        before insert or update of
            agency_id,
            id,
            subject,
            membership_id,
            contact_id,
            company_id,
            deal_id,
            kind,
            content,
            content_sha256,
            importance,
            confidence,
            half_life,
            expires_at,
            source_run_id,
            superseded_by_id,
            owner_id,
            team_id,
            visibility,
            by_record,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version,
            deleted_at,
            deleted_by
        on ai.memories
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        grant select on table ai.memories to gardenos_search;
        """
    )
    execute(
        r"""
        create policy "search finds by words"
        on ai.memories
        as permissive
        for select
        to gardenos_search
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "search finds by words" on ai.memories;
        """
    )
    execute(
        r"""
        revoke select on table ai.memories from gardenos_search cascade;
        """
    )
    execute(
        r"""
        create or replace trigger stamp BEFORE INSERT OR UPDATE OF agency_id, id, subject, membership_id, contact_id, company_id, deal_id, kind, content, content_sha256, importance, confidence, half_life, expires_at, source_run_id, superseded_by_id, search, owner_id, team_id, visibility, by_record, created_at, created_by, updated_at, updated_by, row_version, deleted_at, deleted_by ON ai.memories FOR EACH ROW EXECUTE FUNCTION app.stamp_row();
        """
    )
    execute(
        r"""
        drop policy "search reads the model of an agency" on ai.embedding_models;
        """
    )
    execute(
        r"""
        revoke select on table ai.embedding_models from gardenos_search cascade;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on ai.documents;
        """
    )
    execute(
        r"""
        revoke select on table ai.documents from gardenos_search cascade;
        """
    )
    execute(
        r"""
        drop policy "search finds by words" on ai.chunks;
        """
    )
    execute(
        r"""
        revoke select on table ai.chunks from gardenos_search cascade;
        """
    )
    execute(
        r"""
        drop policy "search reads the tiers of an agency" on ai.agency_tiers;
        """
    )
    execute(
        r"""
        revoke select on table ai.agency_tiers from gardenos_search cascade;
        """
    )
    execute(
        r"""
        drop function app.vector_candidates(query_embedding real[], page_limit integer, filters jsonb, chunk_ids uuid[], memory_ids uuid[]);
        """
    )
    execute(
        r"""
        drop function app.touch_memories(ids uuid[]);
        """
    )
    execute(
        r"""
        drop function app.texts_about(filters jsonb);
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.text_candidates(query text, page_limit integer, filters jsonb, chunk_ids uuid[], memory_ids uuid[]);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.search_tiers(storage text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.search_model();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.search_filters(filters jsonb);
        """
    )
    execute(
        r"""
        drop function app.move_embeddings(storage text, batch_size integer);
        """
    )
    execute(
        r"""
        drop function app.make_tier_partition(storage text, distance text);
        """
    )
    execute(
        r"""
        drop function app.change_tier(storage text, tier text);
        """
    )
    execute(
        r"""
        drop function ai.search(query text, query_embedding real[], k integer, filters jsonb);
        """
    )
