"""Create the tables of sales

Reason:    pipelines, deals with their history and lines, products; and tags, which deals have too.
           Nobody but services and the auditor reaches them until their policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to.
Duration:  milliseconds.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create type app.deal_status as enum (
            'open',
            'won',
            'lost'
        );

        comment on type app.deal_status is 'What has become of a deal.';
        """
    )
    execute(
        r"""
        create table crm.pipelines (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            name app.label not null,
            is_default boolean not null default false,
            position integer not null default 0,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint pipelines_pkey primary key (agency_id, id),
            constraint pipelines_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id)
        );

        create unique index pipelines_name_key
            on crm.pipelines (agency_id, lower(name))
            where deleted_at is null;

        create unique index pipelines_default_key
            on crm.pipelines (agency_id)
            where is_default and deleted_at is null;

        create table crm.pipeline_stages (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            pipeline_id uuid not null,
            name app.label not null,
            position integer,
            probability app.percent not null default 0,
            outcome app.deal_status not null default 'open',
            rotten_after interval,
            archived_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint pipeline_stages_pkey primary key (agency_id, id),
            constraint pipeline_stages_pipeline_id_id_key unique (agency_id, pipeline_id, id),
            constraint pipeline_stages_position_key unique (agency_id, pipeline_id, position) deferrable initially deferred,
            constraint pipeline_stages_pipeline_id_fkey foreign key (agency_id, pipeline_id)
                references crm.pipelines (agency_id, id),
            constraint pipeline_stages_archived_has_no_position
                check ((archived_at is null) = (position is not null)),
            constraint pipeline_stages_rotten_after_a_while check (rotten_after > interval '0')
        );

        create index pipeline_stages_pipeline_id_idx
            on crm.pipeline_stages (agency_id, pipeline_id);

        create table crm.deals (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            title app.label not null,
            pipeline_id uuid not null,
            stage_id uuid not null,
            status app.deal_status not null default 'open',
            stage_entered_at timestamptz not null default now(),
            company_id uuid,
            primary_contact_id uuid,
            amount app.money,
            currency app.currency not null,
            expected_close_on date,
            closed_at timestamptz,
            lost_reason_id uuid,
            source_id uuid,
            owner_id uuid,
            team_id uuid,
            custom app.json_object not null default '{}',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            search tsvector generated always as (
                to_tsvector('pg_catalog.simple', title)
            ) stored,
            constraint deals_pkey primary key (agency_id, id),
            constraint deals_stage_id_fkey foreign key (agency_id, pipeline_id, stage_id)
                references crm.pipeline_stages (agency_id, pipeline_id, id),
            constraint deals_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete set null (company_id),
            constraint deals_primary_contact_id_fkey foreign key (agency_id, primary_contact_id)
                references crm.contacts (agency_id, id) on delete set null (primary_contact_id),
            constraint deals_lost_reason_id_fkey foreign key (agency_id, lost_reason_id)
                references crm.lookup_values (agency_id, id) on delete set null (lost_reason_id),
            constraint deals_source_id_fkey foreign key (agency_id, source_id)
                references crm.lookup_values (agency_id, id) on delete set null (source_id),
            constraint deals_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint deals_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint deals_closed_has_time check ((status = 'open') = (closed_at is null)),
            constraint deals_reason_only_when_lost check (lost_reason_id is null or status = 'lost'),
            constraint deals_amount_not_negative check (amount >= 0)
        );

        create index deals_stage_id_idx
            on crm.deals (agency_id, pipeline_id, stage_id);

        create index deals_company_id_idx
            on crm.deals (agency_id, company_id)
            where company_id is not null;

        create index deals_primary_contact_id_idx
            on crm.deals (agency_id, primary_contact_id)
            where primary_contact_id is not null;

        create index deals_lost_reason_id_idx
            on crm.deals (agency_id, lost_reason_id)
            where lost_reason_id is not null;

        create index deals_source_id_idx
            on crm.deals (agency_id, source_id)
            where source_id is not null;

        create index deals_owner_id_idx
            on crm.deals (agency_id, owner_id);

        create index deals_team_id_idx
            on crm.deals (agency_id, team_id);

        create index deals_board_idx
            on crm.deals (agency_id, stage_id, updated_at desc, id)
            where deleted_at is null;

        create index deals_updated_at_idx
            on crm.deals (agency_id, updated_at desc, id)
            where deleted_at is null;

        create index deals_forecast_idx
            on crm.deals (agency_id, expected_close_on)
            where status = 'open' and deleted_at is null;

        create index deals_search_idx
            on crm.deals using gin (agency_id, search);

        create table crm.record_tags (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            tag_id uuid not null,
            contact_id uuid,
            company_id uuid,
            deal_id uuid,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint record_tags_pkey primary key (agency_id, id),
            constraint record_tags_tag_id_fkey foreign key (agency_id, tag_id)
                references crm.tags (agency_id, id) on delete cascade,
            constraint record_tags_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint record_tags_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint record_tags_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint record_tags_one_record check (num_nonnulls(contact_id, company_id, deal_id) = 1)
        );

        create index record_tags_tag_id_idx
            on crm.record_tags (agency_id, tag_id);

        create unique index record_tags_contact_id_tag_id_key
            on crm.record_tags (agency_id, contact_id, tag_id)
            where contact_id is not null;

        create unique index record_tags_company_id_tag_id_key
            on crm.record_tags (agency_id, company_id, tag_id)
            where company_id is not null;

        create unique index record_tags_deal_id_tag_id_key
            on crm.record_tags (agency_id, deal_id, tag_id)
            where deal_id is not null;

        create table crm.deal_contacts (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            deal_id uuid not null,
            contact_id uuid not null,
            role_title app.label,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint deal_contacts_pkey primary key (agency_id, id),
            constraint deal_contacts_deal_id_contact_id_key unique (agency_id, deal_id, contact_id),
            constraint deal_contacts_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint deal_contacts_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade
        );

        create index deal_contacts_contact_id_idx
            on crm.deal_contacts (agency_id, contact_id);

        create table crm.deal_stage_history (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            deal_id uuid not null,
            from_stage_id uuid,
            to_stage_id uuid not null,
            entered_at timestamptz not null,
            left_at timestamptz,
            changed_by_id uuid,
            constraint deal_stage_history_pkey primary key (agency_id, id),
            constraint deal_stage_history_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint deal_stage_history_from_stage_id_fkey foreign key (agency_id, from_stage_id)
                references crm.pipeline_stages (agency_id, id),
            constraint deal_stage_history_to_stage_id_fkey foreign key (agency_id, to_stage_id)
                references crm.pipeline_stages (agency_id, id),
            constraint deal_stage_history_changed_by_id_fkey foreign key (agency_id, changed_by_id)
                references tenancy.memberships (agency_id, id),
            constraint deal_stage_history_leaves_after_entering check (left_at >= entered_at),
            constraint deal_stage_history_no_overlap exclude using gist (
                agency_id with =,
                deal_id with =,
                tstzrange(entered_at, left_at) with &&
            )
        );

        create index deal_stage_history_deal_id_idx
            on crm.deal_stage_history (agency_id, deal_id);

        create index deal_stage_history_from_stage_id_idx
            on crm.deal_stage_history (agency_id, from_stage_id)
            where from_stage_id is not null;

        create index deal_stage_history_to_stage_id_idx
            on crm.deal_stage_history (agency_id, to_stage_id);

        create index deal_stage_history_changed_by_id_idx
            on crm.deal_stage_history (agency_id, changed_by_id)
            where changed_by_id is not null;

        create unique index deal_stage_history_current_key
            on crm.deal_stage_history (agency_id, deal_id)
            where left_at is null;

        create table crm.products (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            sku app.label not null,
            name app.label not null,
            description app.line,
            unit_price app.money not null,
            currency app.currency not null,
            tax_rate app.percent not null default 0,
            is_active boolean not null default true,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint products_pkey primary key (agency_id, id),
            constraint products_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint products_unit_price_not_negative check (unit_price >= 0)
        );

        create unique index products_sku_key
            on crm.products (agency_id, lower(sku))
            where deleted_at is null;

        create table crm.deal_line_items (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            deal_id uuid not null,
            product_id uuid,
            position integer not null default 0,
            description app.label not null,
            quantity numeric(12, 3) not null default 1,
            unit_price app.money not null,
            discount_pct app.percent not null default 0,
            tax_rate app.percent not null default 0,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            line_total numeric(18, 4) generated always as (
                round(quantity * unit_price * (1 - discount_pct / 100), 4)
            ) stored,
            constraint deal_line_items_pkey primary key (agency_id, id),
            constraint deal_line_items_deal_id_fkey foreign key (agency_id, deal_id)
                references crm.deals (agency_id, id) on delete cascade,
            constraint deal_line_items_product_id_fkey foreign key (agency_id, product_id)
                references crm.products (agency_id, id) on delete set null (product_id),
            constraint deal_line_items_something_is_sold
                check (quantity > 0 and quantity <> 'NaN' and unit_price >= 0)
        );

        create index deal_line_items_deal_id_idx
            on crm.deal_line_items (agency_id, deal_id);

        create index deal_line_items_product_id_idx
            on crm.deal_line_items (agency_id, product_id)
            where product_id is not null;
        """
    )
    execute(
        r"""
        comment on table crm.pipelines is 'The ways in which the agency sells.';
        comment on column crm.pipelines.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.pipelines.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.pipelines.name is 'The name, unique among live pipelines.';
        comment on column crm.pipelines.is_default is 'Where a new deal goes: at most one.';
        comment on column crm.pipelines.position is 'Its place in the list.';
        comment on column crm.pipelines.created_at is 'When the row was made.';
        comment on column crm.pipelines.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.pipelines.updated_at is 'When the row was last changed.';
        comment on column crm.pipelines.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.pipelines.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.pipelines.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.pipelines.deleted_by is 'The membership that deleted the row.';

        comment on table crm.pipeline_stages is 'The steps of a pipeline. Archived, never deleted: the stage history points here.';
        comment on column crm.pipeline_stages.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.pipeline_stages.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.pipeline_stages.pipeline_id is 'The pipeline; never changes.';
        comment on column crm.pipeline_stages.name is 'The name.';
        comment on column crm.pipeline_stages.position is 'Its place in the pipeline; null once archived.';
        comment on column crm.pipeline_stages.probability is 'How likely a deal here is won, in per cent.';
        comment on column crm.pipeline_stages.outcome is 'What a deal here is; won and lost close it.';
        comment on column crm.pipeline_stages.rotten_after is 'A deal that stays longer is flagged.';
        comment on column crm.pipeline_stages.archived_at is 'When it left the board.';
        comment on column crm.pipeline_stages.created_at is 'When the row was made.';
        comment on column crm.pipeline_stages.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.pipeline_stages.updated_at is 'When the row was last changed.';
        comment on column crm.pipeline_stages.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.pipeline_stages.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table crm.deals is 'Sales that may come. A stage of another pipeline cannot be set.';
        comment on column crm.deals.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.deals.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.deals.title is 'free text: What it is about.';
        comment on column crm.deals.pipeline_id is 'The pipeline.';
        comment on column crm.deals.stage_id is 'The stage, one of the pipeline.';
        comment on column crm.deals.status is 'The outcome of its stage; kept by trigger.';
        comment on column crm.deals.stage_entered_at is 'Since when it is in its stage; kept by trigger.';
        comment on column crm.deals.company_id is 'The company that buys.';
        comment on column crm.deals.primary_contact_id is 'The person to talk to; others are deal_contacts.';
        comment on column crm.deals.amount is 'What it is worth; the sum of its lines when it has any, kept by trigger.';
        comment on column crm.deals.currency is 'Currency of the amount and of its lines.';
        comment on column crm.deals.expected_close_on is 'When it is expected to close.';
        comment on column crm.deals.closed_at is 'When it closed; kept by trigger.';
        comment on column crm.deals.lost_reason_id is 'Why it was lost, of the list "lost_reason".';
        comment on column crm.deals.source_id is 'Where it came from, of the list "source".';
        comment on column crm.deals.owner_id is 'The member who owns it; with team_id null too it is unassigned.';
        comment on column crm.deals.team_id is 'The team it belongs to.';
        comment on column crm.deals.custom is 'free text: Custom fields, as custom_field_defs has them.';
        comment on column crm.deals.created_at is 'When the row was made.';
        comment on column crm.deals.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.deals.updated_at is 'When the row was last changed.';
        comment on column crm.deals.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.deals.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.deals.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.deals.deleted_by is 'The membership that deleted the row.';
        comment on column crm.deals.search is 'What full text search looks at; made by the database.';

        comment on table crm.record_tags is 'Which record has which tag.';
        comment on column crm.record_tags.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.record_tags.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.record_tags.tag_id is 'The tag.';
        comment on column crm.record_tags.contact_id is 'The contact that has it.';
        comment on column crm.record_tags.company_id is 'The company that has it.';
        comment on column crm.record_tags.deal_id is 'The deal that has it.';
        comment on column crm.record_tags.created_at is 'When the row was made.';
        comment on column crm.record_tags.created_by is 'The membership that made the row; null for a service.';

        comment on table crm.deal_contacts is 'Who takes part in a sale, and as what.';
        comment on column crm.deal_contacts.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.deal_contacts.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.deal_contacts.deal_id is 'The deal.';
        comment on column crm.deal_contacts.contact_id is 'The person.';
        comment on column crm.deal_contacts.role_title is 'Decision maker, buyer …';
        comment on column crm.deal_contacts.created_at is 'When the row was made.';
        comment on column crm.deal_contacts.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.deal_contacts.updated_at is 'When the row was last changed.';
        comment on column crm.deal_contacts.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.deal_contacts.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table crm.deal_stage_history is 'One row for each stay of a deal in a stage, without gap or overlap; only a trigger writes it.';
        comment on column crm.deal_stage_history.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.deal_stage_history.id is 'The id of the row, a uuid v7.';
        comment on column crm.deal_stage_history.deal_id is 'The deal.';
        comment on column crm.deal_stage_history.from_stage_id is 'The stage it came from; null for the first.';
        comment on column crm.deal_stage_history.to_stage_id is 'The stage it is in.';
        comment on column crm.deal_stage_history.entered_at is 'When it came.';
        comment on column crm.deal_stage_history.left_at is 'When it went; null: it is there now.';
        comment on column crm.deal_stage_history.changed_by_id is 'The member who moved it; null for a service.';

        comment on table crm.products is 'What the agency sells.';
        comment on column crm.products.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.products.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.products.sku is 'The number of the article, unique among live products.';
        comment on column crm.products.name is 'The name.';
        comment on column crm.products.description is 'What it is.';
        comment on column crm.products.unit_price is 'What one costs.';
        comment on column crm.products.currency is 'Currency of the price.';
        comment on column crm.products.tax_rate is 'Tax, in per cent.';
        comment on column crm.products.is_active is 'Whether it is sold now.';
        comment on column crm.products.created_at is 'When the row was made.';
        comment on column crm.products.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.products.updated_at is 'When the row was last changed.';
        comment on column crm.products.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.products.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.products.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.products.deleted_by is 'The membership that deleted the row.';

        comment on table crm.deal_line_items is 'What is sold in a deal, in its currency. Prices are copied from the product.';
        comment on column crm.deal_line_items.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.deal_line_items.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.deal_line_items.deal_id is 'The deal.';
        comment on column crm.deal_line_items.product_id is 'The product that it was copied from.';
        comment on column crm.deal_line_items.position is 'Its place in the list.';
        comment on column crm.deal_line_items.description is 'What is sold.';
        comment on column crm.deal_line_items.quantity is 'How many.';
        comment on column crm.deal_line_items.unit_price is 'What one costs.';
        comment on column crm.deal_line_items.discount_pct is 'Discount, in per cent.';
        comment on column crm.deal_line_items.tax_rate is 'Tax, in per cent.';
        comment on column crm.deal_line_items.created_at is 'When the row was made.';
        comment on column crm.deal_line_items.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.deal_line_items.updated_at is 'When the row was last changed.';
        comment on column crm.deal_line_items.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.deal_line_items.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.deal_line_items.line_total is 'What the line costs, without tax; made by the database.';
        """
    )
    execute(
        r"""
        -- Pipelines.
        alter table crm.pipelines enable row level security;
        alter table crm.pipelines force row level security;

        create policy "tenant floor"
        on crm.pipelines
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.pipelines
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.pipelines to service_role;

        grant select on table crm.pipelines to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- The stages of a pipeline.
        alter table crm.pipeline_stages enable row level security;
        alter table crm.pipeline_stages force row level security;

        create policy "tenant floor"
        on crm.pipeline_stages
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.pipeline_stages
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.pipeline_stages to service_role;

        grant select on table crm.pipeline_stages to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Deals.
        alter table crm.deals enable row level security;
        alter table crm.deals force row level security;

        create policy "tenant floor"
        on crm.deals
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.deals
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.deals to service_role;

        grant select on table crm.deals to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Tags on records.
        alter table crm.record_tags enable row level security;
        alter table crm.record_tags force row level security;

        create policy "tenant floor"
        on crm.record_tags
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.record_tags
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.record_tags to service_role;

        grant select on table crm.record_tags to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- The people of a deal.
        alter table crm.deal_contacts enable row level security;
        alter table crm.deal_contacts force row level security;

        create policy "tenant floor"
        on crm.deal_contacts
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.deal_contacts
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.deal_contacts to service_role;

        grant select on table crm.deal_contacts to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- How long each deal was where.
        alter table crm.deal_stage_history enable row level security;
        alter table crm.deal_stage_history force row level security;

        create policy "tenant floor"
        on crm.deal_stage_history
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.deal_stage_history
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table crm.deal_stage_history to service_role;

        grant select on table crm.deal_stage_history to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Products.
        alter table crm.products enable row level security;
        alter table crm.products force row level security;

        create policy "tenant floor"
        on crm.products
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.products
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.products to service_role;

        grant select on table crm.products to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- The lines of a deal.
        alter table crm.deal_line_items enable row level security;
        alter table crm.deal_line_items force row level security;

        create policy "tenant floor"
        on crm.deal_line_items
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on crm.deal_line_items
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.deal_line_items to service_role;

        grant select on table crm.deal_line_items to gardenos_auditor;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table crm.deal_line_items;
        drop table crm.products;
        drop table crm.deal_stage_history;
        drop table crm.deal_contacts;
        drop table crm.record_tags;
        drop table crm.deals;
        drop table crm.pipeline_stages;
        drop table crm.pipelines;

        drop type app.deal_status;
        """
    )
