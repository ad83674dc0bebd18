"""Create the tables of people and companies

Reason:    people and companies, with the lists, fields, tags and views around them.
           Nobody but services and the auditor reaches them until their policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to.
Duration:  milliseconds.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create domain app.body as text
            constraint body_length check (length(value) <= 100000);

        create domain app.phone as text
            constraint phone_form check (value ~ '^\+[1-9][0-9]{6,14}$');

        create domain app.hostname as text
            constraint hostname_form check (
                length(value) <= 253
                and value ~ '^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]{2,63}$'
            );

        create domain app.color as text
            constraint color_form check (value ~ '^#[0-9a-f]{6}$');

        create domain app.country as char(2)
            constraint country_form check (value ~ '^[A-Z]{2}$');

        create domain app.money as numeric(18, 4)
            constraint money_is_a_number check (value <> 'NaN');

        create domain app.percent as numeric(5, 2)
            constraint percent_range check (value between 0 and 100);

        create domain app.json_doc as jsonb
            constraint json_doc_length check (octet_length(value::text) <= 262144);

        create type app.visibility as enum (
            'private',
            'team',
            'agency',
            'client'
        );

        create type app.entity as enum (
            'contact',
            'company',
            'deal'
        );

        create type app.point_kind as enum (
            'email',
            'phone',
            'url',
            'im'
        );

        create type app.field_type as enum (
            'text',
            'number',
            'boolean',
            'date',
            'timestamp',
            'select',
            'multi_select',
            'url',
            'email'
        );

        create type app.lookup_kind as enum (
            'source',
            'lost_reason',
            'activity_type',
            'industry',
            'lifecycle_stage'
        );

        comment on domain app.body is 'A text, up to 100 000 characters: a longer one breaks full text search.';
        comment on domain app.phone is 'A phone number in international form, as in E.164.';
        comment on domain app.hostname is 'The name of a host, in lower case.';
        comment on domain app.color is 'A colour, #rrggbb.';
        comment on domain app.country is 'A country as in ISO 3166, two letters.';
        comment on domain app.money is 'An amount; its currency stands next to it.';
        comment on domain app.percent is 'Per cent, 0 to 100.';
        comment on domain app.json_doc is 'A JSON document of at most 256 kB.';
        comment on type app.visibility is 'Whom a row is open to. private: nobody but its owner and who takes part.';
        comment on type app.entity is 'What custom fields, tags, merges and imports are about.';
        comment on type app.point_kind is 'How a person is reached.';
        comment on type app.field_type is 'The type of a custom field.';
        comment on type app.lookup_kind is 'Which list of short values.';
        """
    )
    execute(
        r"""
        create table crm.lookup_values (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            kind app.lookup_kind not null,
            label app.label not null,
            position integer not null default 0,
            archived_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint lookup_values_pkey primary key (agency_id, id),
            constraint lookup_values_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id)
        );

        create unique index lookup_values_kind_label_key
            on crm.lookup_values (agency_id, kind, lower(label));

        create table crm.custom_field_defs (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            entity app.entity not null,
            key text not null,
            label app.label not null,
            data_type app.field_type not null,
            required boolean not null default false,
            options app.json_doc not null default '[]',
            position integer not null default 0,
            agent_writable boolean not null default false,
            personal_data boolean not null default true,
            archived_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint custom_field_defs_pkey primary key (agency_id, id),
            constraint custom_field_defs_entity_key_key unique (agency_id, entity, key),
            constraint custom_field_defs_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint custom_field_defs_key_form check (key ~ '^[a-z][a-z0-9_]{0,62}$'),
            constraint custom_field_defs_options_are_a_list check (jsonb_typeof(options) = 'array')
        );

        create table crm.companies (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            name app.label not null,
            domain app.hostname,
            industry_id uuid,
            employees integer,
            annual_revenue app.money,
            currency app.currency,
            street app.label,
            city app.label,
            region app.label,
            postal_code app.label,
            country app.country,
            owner_id uuid,
            team_id uuid,
            merged_into_id uuid,
            custom app.json_object not null default '{}',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            search tsvector generated always as (
                to_tsvector('pg_catalog.simple', name || ' ' || coalesce(domain, ''))
            ) stored,
            constraint companies_pkey primary key (agency_id, id),
            constraint companies_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint companies_industry_id_fkey foreign key (agency_id, industry_id)
                references crm.lookup_values (agency_id, id) on delete set null (industry_id),
            constraint companies_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint companies_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint companies_merged_into_id_fkey foreign key (agency_id, merged_into_id)
                references crm.companies (agency_id, id) on delete set null (merged_into_id),
            constraint companies_employees_not_negative check (employees >= 0),
            constraint companies_revenue_has_currency
                check (annual_revenue is null or currency is not null),
            constraint companies_merged_is_deleted
                check (merged_into_id is null or (deleted_at is not null and merged_into_id <> id))
        );

        create index companies_industry_id_idx
            on crm.companies (agency_id, industry_id)
            where industry_id is not null;

        create index companies_owner_id_idx
            on crm.companies (agency_id, owner_id);

        create index companies_team_id_idx
            on crm.companies (agency_id, team_id);

        create index companies_merged_into_id_idx
            on crm.companies (agency_id, merged_into_id)
            where merged_into_id is not null;

        create unique index companies_domain_key
            on crm.companies (agency_id, domain)
            where deleted_at is null;

        create index companies_updated_at_idx
            on crm.companies (agency_id, updated_at desc, id)
            where deleted_at is null;

        create index companies_search_idx
            on crm.companies using gin (agency_id, search);

        create index companies_name_trgm_idx
            on crm.companies using gin (agency_id, name extensions.gin_trgm_ops);

        create table crm.contacts (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            full_name app.label not null,
            first_name app.label,
            last_name app.label,
            job_title app.label,
            lifecycle_id uuid,
            source_id uuid,
            locale app.label,
            timezone app.label,
            owner_id uuid,
            team_id uuid,
            do_not_contact boolean not null default false,
            merged_into_id uuid,
            anonymised_at timestamptz,
            custom app.json_object not null default '{}',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            search tsvector generated always as (
                to_tsvector('pg_catalog.simple', full_name || ' ' || coalesce(job_title, ''))
            ) stored,
            constraint contacts_pkey primary key (agency_id, id),
            constraint contacts_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint contacts_lifecycle_id_fkey foreign key (agency_id, lifecycle_id)
                references crm.lookup_values (agency_id, id) on delete set null (lifecycle_id),
            constraint contacts_source_id_fkey foreign key (agency_id, source_id)
                references crm.lookup_values (agency_id, id) on delete set null (source_id),
            constraint contacts_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id) on delete set null (owner_id),
            constraint contacts_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint contacts_merged_into_id_fkey foreign key (agency_id, merged_into_id)
                references crm.contacts (agency_id, id) on delete set null (merged_into_id),
            constraint contacts_merged_is_deleted
                check (merged_into_id is null or (deleted_at is not null and merged_into_id <> id))
        );

        create index contacts_lifecycle_id_idx
            on crm.contacts (agency_id, lifecycle_id)
            where lifecycle_id is not null;

        create index contacts_source_id_idx
            on crm.contacts (agency_id, source_id)
            where source_id is not null;

        create index contacts_owner_id_idx
            on crm.contacts (agency_id, owner_id);

        create index contacts_team_id_idx
            on crm.contacts (agency_id, team_id);

        create index contacts_merged_into_id_idx
            on crm.contacts (agency_id, merged_into_id)
            where merged_into_id is not null;

        create index contacts_updated_at_idx
            on crm.contacts (agency_id, updated_at desc, id)
            where deleted_at is null;

        create index contacts_search_idx
            on crm.contacts using gin (agency_id, search);

        create index contacts_full_name_trgm_idx
            on crm.contacts using gin (agency_id, full_name extensions.gin_trgm_ops);

        create table crm.contact_points (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            contact_id uuid not null,
            kind app.point_kind not null,
            label app.label,
            value app.line not null,
            e164 app.phone,
            is_primary boolean not null default false,
            is_shared boolean not null default false,
            verified_at timestamptz,
            bounced_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            value_norm text generated always as (
                case kind when 'phone' then coalesce(e164::text, regexp_replace(value, '[^0-9+]', '', 'g')) else lower(btrim(value)) end
            ) stored,
            constraint contact_points_pkey primary key (agency_id, id),
            constraint contact_points_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint contact_points_e164_is_a_phone check (e164 is null or kind = 'phone'),
            constraint contact_points_value_norm_length check (length(value_norm) between 1 and 1000)
        );

        create index contact_points_contact_id_idx
            on crm.contact_points (agency_id, contact_id);

        create unique index contact_points_value_norm_key
            on crm.contact_points (agency_id, kind, value_norm)
            where deleted_at is null and not is_shared;

        create unique index contact_points_primary_key
            on crm.contact_points (agency_id, contact_id, kind)
            where is_primary and deleted_at is null;

        -- Comparing enums is not leakproof: under row-level security nothing behind one is searched.
        create index contact_points_value_norm_idx
            on crm.contact_points (agency_id, value_norm, kind);

        create table crm.contact_companies (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            contact_id uuid not null,
            company_id uuid not null,
            role_title app.label,
            is_primary boolean not null default false,
            started_on date,
            ended_on date,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint contact_companies_pkey primary key (agency_id, id),
            constraint contact_companies_contact_id_fkey foreign key (agency_id, contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint contact_companies_company_id_fkey foreign key (agency_id, company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint contact_companies_ends_after_start check (ended_on >= started_on)
        );

        create index contact_companies_contact_id_idx
            on crm.contact_companies (agency_id, contact_id);

        create index contact_companies_company_id_idx
            on crm.contact_companies (agency_id, company_id);

        create unique index contact_companies_current_key
            on crm.contact_companies (agency_id, contact_id, company_id)
            where ended_on is null;

        create unique index contact_companies_primary_key
            on crm.contact_companies (agency_id, contact_id)
            where is_primary and ended_on is null;

        create table crm.tags (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            name app.label not null,
            color app.color not null default '#888888',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint tags_pkey primary key (agency_id, id),
            constraint tags_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id)
        );

        create unique index tags_name_key
            on crm.tags (agency_id, lower(name))
            where deleted_at is null;

        create table crm.saved_views (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            owner_id uuid not null,
            team_id uuid,
            visibility app.visibility not null default 'private',
            entity app.label not null,
            name app.label not null,
            filter app.json_object not null default '{}',
            columns app.json_doc not null default '[]',
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint saved_views_pkey primary key (agency_id, id),
            constraint saved_views_owner_id_fkey foreign key (agency_id, owner_id)
                references tenancy.memberships (agency_id, id),
            constraint saved_views_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id),
            constraint saved_views_not_for_clients check (visibility <> 'client'),
            constraint saved_views_team_is_named check (visibility <> 'team' or team_id is not null)
        );

        create index saved_views_owner_id_idx
            on crm.saved_views (agency_id, owner_id);

        create index saved_views_team_id_idx
            on crm.saved_views (agency_id, team_id);

        create unique index saved_views_name_key
            on crm.saved_views (agency_id, owner_id, entity, lower(name))
            where deleted_at is null;

        create table crm.merge_records (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            entity app.entity not null,
            winner_contact_id uuid,
            loser_contact_id uuid,
            winner_company_id uuid,
            loser_company_id uuid,
            snapshot jsonb not null,
            moved jsonb not null,
            merged_by_id uuid not null,
            undo_until timestamptz not null default now() + interval '30 days',
            undone_at timestamptz,
            undone_by_id uuid,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint merge_records_pkey primary key (agency_id, id),
            constraint merge_records_winner_contact_id_fkey foreign key (agency_id, winner_contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint merge_records_loser_contact_id_fkey foreign key (agency_id, loser_contact_id)
                references crm.contacts (agency_id, id) on delete cascade,
            constraint merge_records_winner_company_id_fkey foreign key (agency_id, winner_company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint merge_records_loser_company_id_fkey foreign key (agency_id, loser_company_id)
                references crm.companies (agency_id, id) on delete cascade,
            constraint merge_records_merged_by_id_fkey foreign key (agency_id, merged_by_id)
                references tenancy.memberships (agency_id, id),
            constraint merge_records_undone_by_id_fkey foreign key (agency_id, undone_by_id)
                references tenancy.memberships (agency_id, id),
            constraint merge_records_entity_can_be_merged check (entity in ('contact', 'company')),
            constraint merge_records_contact_has_both
                check ((entity = 'contact') = (winner_contact_id is not null and loser_contact_id is not null)),
            constraint merge_records_company_has_both
                check ((entity = 'company') = (winner_company_id is not null and loser_company_id is not null)),
            constraint merge_records_one_pair
                check (num_nonnulls(winner_contact_id, loser_contact_id, winner_company_id, loser_company_id) = 2),
            constraint merge_records_contacts_differ check (winner_contact_id <> loser_contact_id),
            constraint merge_records_companies_differ check (winner_company_id <> loser_company_id),
            constraint merge_records_snapshot_length check (octet_length(snapshot::text) <= 1048576),
            constraint merge_records_moved_length check (octet_length(moved::text) <= 16777216)
        );

        create index merge_records_winner_contact_id_idx
            on crm.merge_records (agency_id, winner_contact_id)
            where winner_contact_id is not null;

        create index merge_records_loser_contact_id_idx
            on crm.merge_records (agency_id, loser_contact_id)
            where loser_contact_id is not null;

        create index merge_records_winner_company_id_idx
            on crm.merge_records (agency_id, winner_company_id)
            where winner_company_id is not null;

        create index merge_records_loser_company_id_idx
            on crm.merge_records (agency_id, loser_company_id)
            where loser_company_id is not null;

        create index merge_records_merged_by_id_idx
            on crm.merge_records (agency_id, merged_by_id);

        create index merge_records_undone_by_id_idx
            on crm.merge_records (agency_id, undone_by_id)
            where undone_by_id is not null;

        create unique index merge_records_loser_contact_id_key
            on crm.merge_records (agency_id, loser_contact_id)
            where loser_contact_id is not null and undone_at is null;

        create unique index merge_records_loser_company_id_key
            on crm.merge_records (agency_id, loser_company_id)
            where loser_company_id is not null and undone_at is null;
        """
    )
    execute(
        r"""
        comment on table crm.lookup_values is 'Short lists that users edit; a reference to one must be of its kind.';
        comment on column crm.lookup_values.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.lookup_values.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.lookup_values.kind is 'Which list it is in.';
        comment on column crm.lookup_values.label is 'The value as people read it, unique in its list.';
        comment on column crm.lookup_values.position is 'Its place in the list.';
        comment on column crm.lookup_values.archived_at is 'When it left the list; records keep it.';
        comment on column crm.lookup_values.created_at is 'When the row was made.';
        comment on column crm.lookup_values.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.lookup_values.updated_at is 'When the row was last changed.';
        comment on column crm.lookup_values.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.lookup_values.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table crm.custom_field_defs is 'Says which keys custom may hold. Archived, never deleted: a key keeps its type for ever.';
        comment on column crm.custom_field_defs.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.custom_field_defs.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.custom_field_defs.entity is 'The kind of record it is for; never changes.';
        comment on column crm.custom_field_defs.key is 'The key inside custom; never changes.';
        comment on column crm.custom_field_defs.label is 'What people read.';
        comment on column crm.custom_field_defs.data_type is 'The type of its values; never changes.';
        comment on column crm.custom_field_defs.required is 'Whether a record must have it.';
        comment on column crm.custom_field_defs.options is 'What can be chosen, of the two select types: an array of texts.';
        comment on column crm.custom_field_defs.position is 'Its place in the form.';
        comment on column crm.custom_field_defs.agent_writable is 'Whether an agent may write it.';
        comment on column crm.custom_field_defs.personal_data is 'Whether erasure clears it.';
        comment on column crm.custom_field_defs.archived_at is 'When it left the form; records keep their values.';
        comment on column crm.custom_field_defs.created_at is 'When the row was made.';
        comment on column crm.custom_field_defs.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.custom_field_defs.updated_at is 'When the row was last changed.';
        comment on column crm.custom_field_defs.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.custom_field_defs.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table crm.companies is 'Companies that the agency deals with.';
        comment on column crm.companies.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.companies.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.companies.name is 'The name.';
        comment on column crm.companies.domain is 'Its domain, unique among live companies: key of import and of duplicate search.';
        comment on column crm.companies.industry_id is 'Its industry, of the list "industry".';
        comment on column crm.companies.employees is 'How many people work there.';
        comment on column crm.companies.annual_revenue is 'What it turns over in a year.';
        comment on column crm.companies.currency is 'Currency of annual_revenue.';
        comment on column crm.companies.street is 'Street and number.';
        comment on column crm.companies.city is 'City.';
        comment on column crm.companies.region is 'Region or state.';
        comment on column crm.companies.postal_code is 'Postal code.';
        comment on column crm.companies.country is 'Country, two letters.';
        comment on column crm.companies.owner_id is 'The member who owns it; with team_id null too it is unassigned.';
        comment on column crm.companies.team_id is 'The team it belongs to.';
        comment on column crm.companies.merged_into_id is 'The company it was merged into; only undoing the merge brings it back.';
        comment on column crm.companies.custom is 'free text: Custom fields, as custom_field_defs has them.';
        comment on column crm.companies.created_at is 'When the row was made.';
        comment on column crm.companies.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.companies.updated_at is 'When the row was last changed.';
        comment on column crm.companies.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.companies.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.companies.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.companies.deleted_by is 'The membership that deleted the row.';
        comment on column crm.companies.search is 'What full text search looks at; made by the database.';

        comment on table crm.contacts is 'People: one row for each.';
        comment on column crm.contacts.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.contacts.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.contacts.full_name is 'personal: The name as the person writes it; not built from parts.';
        comment on column crm.contacts.first_name is 'personal: First name.';
        comment on column crm.contacts.last_name is 'personal: Last name.';
        comment on column crm.contacts.job_title is 'personal: Position.';
        comment on column crm.contacts.lifecycle_id is 'How far the person has come, of the list "lifecycle_stage".';
        comment on column crm.contacts.source_id is 'Where the person came from, of the list "source".';
        comment on column crm.contacts.locale is 'Language of the person.';
        comment on column crm.contacts.timezone is 'Time zone of the person.';
        comment on column crm.contacts.owner_id is 'The member who owns it; with team_id null too it is unassigned.';
        comment on column crm.contacts.team_id is 'The team it belongs to.';
        comment on column crm.contacts.do_not_contact is 'The hand brake; consent is crm.consents.';
        comment on column crm.contacts.merged_into_id is 'The contact it was merged into; only undoing the merge brings it back.';
        comment on column crm.contacts.anonymised_at is 'When the person was erased; since then the row is frozen.';
        comment on column crm.contacts.custom is 'personal: Custom fields, as custom_field_defs has them.';
        comment on column crm.contacts.created_at is 'When the row was made.';
        comment on column crm.contacts.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.contacts.updated_at is 'When the row was last changed.';
        comment on column crm.contacts.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.contacts.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.contacts.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.contacts.deleted_by is 'The membership that deleted the row.';
        comment on column crm.contacts.search is 'What full text search looks at; made by the database.';

        comment on table crm.contact_points is 'E-mail addresses, phones and links of a person, each found by its normalised form.';
        comment on column crm.contact_points.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.contact_points.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.contact_points.contact_id is 'The person.';
        comment on column crm.contact_points.kind is 'What it is.';
        comment on column crm.contact_points.label is 'work, home …';
        comment on column crm.contact_points.value is 'personal: As it was typed.';
        comment on column crm.contact_points.e164 is 'personal: A phone in international form, from the API.';
        comment on column crm.contact_points.is_primary is 'The first choice of its kind: at most one for each person.';
        comment on column crm.contact_points.is_shared is 'A switchboard: two persons may have it.';
        comment on column crm.contact_points.verified_at is 'When it was shown to be the person''s.';
        comment on column crm.contact_points.bounced_at is 'When mail to it came back.';
        comment on column crm.contact_points.created_at is 'When the row was made.';
        comment on column crm.contact_points.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.contact_points.updated_at is 'When the row was last changed.';
        comment on column crm.contact_points.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.contact_points.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.contact_points.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.contact_points.deleted_by is 'The membership that deleted the row.';
        comment on column crm.contact_points.value_norm is 'personal: The form by which it is found; made by the database.';

        comment on table crm.contact_companies is 'Employment with dates: a person changes jobs.';
        comment on column crm.contact_companies.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.contact_companies.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.contact_companies.contact_id is 'The person.';
        comment on column crm.contact_companies.company_id is 'The company.';
        comment on column crm.contact_companies.role_title is 'personal: Position there.';
        comment on column crm.contact_companies.is_primary is 'The job that counts: at most one that has not ended.';
        comment on column crm.contact_companies.started_on is 'First day.';
        comment on column crm.contact_companies.ended_on is 'Last day; null while it lasts.';
        comment on column crm.contact_companies.created_at is 'When the row was made.';
        comment on column crm.contact_companies.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.contact_companies.updated_at is 'When the row was last changed.';
        comment on column crm.contact_companies.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.contact_companies.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table crm.tags is 'The words with which the agency marks its records.';
        comment on column crm.tags.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.tags.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.tags.name is 'The word, unique among live tags.';
        comment on column crm.tags.color is 'Its colour.';
        comment on column crm.tags.created_at is 'When the row was made.';
        comment on column crm.tags.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.tags.updated_at is 'When the row was last changed.';
        comment on column crm.tags.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.tags.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.tags.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.tags.deleted_by is 'The membership that deleted the row.';

        comment on table crm.saved_views is 'Lists with filters that a member has saved.';
        comment on column crm.saved_views.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.saved_views.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column crm.saved_views.owner_id is 'The member who owns it.';
        comment on column crm.saved_views.team_id is 'The team that sees it, with visibility team.';
        comment on column crm.saved_views.visibility is 'Who sees it: the owner, the team or the agency.';
        comment on column crm.saved_views.entity is 'The table that it lists.';
        comment on column crm.saved_views.name is 'Its name, unique for the owner and the table among live views.';
        comment on column crm.saved_views.filter is 'free text: Data for the client; never run by the database.';
        comment on column crm.saved_views.columns is 'The columns it shows.';
        comment on column crm.saved_views.created_at is 'When the row was made.';
        comment on column crm.saved_views.created_by is 'The membership that made the row; null for a service.';
        comment on column crm.saved_views.updated_at is 'When the row was last changed.';
        comment on column crm.saved_views.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column crm.saved_views.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column crm.saved_views.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column crm.saved_views.deleted_by is 'The membership that deleted the row.';

        comment on table crm.merge_records is 'What a merge moved, so that it can be undone. Written by the merge functions only.';
        comment on column crm.merge_records.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column crm.merge_records.id is 'The id of the row, a uuid v7.';
        comment on column crm.merge_records.entity is 'contact or company.';
        comment on column crm.merge_records.winner_contact_id is 'The contact that stayed.';
        comment on column crm.merge_records.loser_contact_id is 'The contact that went.';
        comment on column crm.merge_records.winner_company_id is 'The company that stayed.';
        comment on column crm.merge_records.loser_company_id is 'The company that went.';
        comment on column crm.merge_records.snapshot is 'personal: Both rows before the merge.';
        comment on column crm.merge_records.moved is 'Table to the ids that moved, and links that were dropped as duplicates.';
        comment on column crm.merge_records.merged_by_id is 'The member who merged.';
        comment on column crm.merge_records.undo_until is 'Until when it can be undone.';
        comment on column crm.merge_records.undone_at is 'When it was undone.';
        comment on column crm.merge_records.undone_by_id is 'The member who undid it.';
        comment on column crm.merge_records.created_at is 'When the row was made.';
        comment on column crm.merge_records.created_by is 'The membership that made the row; null for a service.';
        """
    )
    execute(
        r"""
        -- Short lists that the agency edits: sources, reasons, industries.
        alter table crm.lookup_values enable row level security;
        alter table crm.lookup_values force row level security;

        create policy "tenant floor"
        on crm.lookup_values
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
        on crm.lookup_values
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.lookup_values to service_role;

        grant select on table crm.lookup_values to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Which custom fields the records of the agency may have.
        alter table crm.custom_field_defs enable row level security;
        alter table crm.custom_field_defs force row level security;

        create policy "tenant floor"
        on crm.custom_field_defs
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
        on crm.custom_field_defs
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.custom_field_defs to service_role;

        grant select on table crm.custom_field_defs to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Companies.
        alter table crm.companies enable row level security;
        alter table crm.companies force row level security;

        create policy "tenant floor"
        on crm.companies
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
        on crm.companies
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.companies to service_role;

        grant select on table crm.companies to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- People.
        alter table crm.contacts enable row level security;
        alter table crm.contacts force row level security;

        create policy "tenant floor"
        on crm.contacts
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
        on crm.contacts
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.contacts to service_role;

        grant select on table crm.contacts to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- How a person is reached.
        alter table crm.contact_points enable row level security;
        alter table crm.contact_points force row level security;

        create policy "tenant floor"
        on crm.contact_points
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
        on crm.contact_points
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.contact_points to service_role;

        grant select on table crm.contact_points to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Who works where, and since when.
        alter table crm.contact_companies enable row level security;
        alter table crm.contact_companies force row level security;

        create policy "tenant floor"
        on crm.contact_companies
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
        on crm.contact_companies
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.contact_companies to service_role;

        grant select on table crm.contact_companies to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- The tags of the agency.
        alter table crm.tags enable row level security;
        alter table crm.tags force row level security;

        create policy "tenant floor"
        on crm.tags
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
        on crm.tags
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.tags to service_role;

        grant select on table crm.tags to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Saved lists.
        alter table crm.saved_views enable row level security;
        alter table crm.saved_views force row level security;

        create policy "tenant floor"
        on crm.saved_views
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
        on crm.saved_views
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.saved_views to service_role;

        grant select on table crm.saved_views to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- What merges moved.
        alter table crm.merge_records enable row level security;
        alter table crm.merge_records force row level security;

        create policy "tenant floor"
        on crm.merge_records
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
        on crm.merge_records
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table crm.merge_records to service_role;

        grant select on table crm.merge_records to gardenos_auditor;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table crm.merge_records;
        drop table crm.saved_views;
        drop table crm.tags;
        drop table crm.contact_companies;
        drop table crm.contact_points;
        drop table crm.contacts;
        drop table crm.companies;
        drop table crm.custom_field_defs;
        drop table crm.lookup_values;

        drop type app.lookup_kind;
        drop type app.field_type;
        drop type app.point_kind;
        drop type app.entity;
        drop type app.visibility;
        drop domain app.json_doc;
        drop domain app.percent;
        drop domain app.money;
        drop domain app.country;
        drop domain app.color;
        drop domain app.hostname;
        drop domain app.phone;
        drop domain app.body;
        """
    )
