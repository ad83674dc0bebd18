"""Mark every column that may hold data about people

Reason:    erasure finds what it has to search by the comments of columns: "personal:" and "free text:"
           are searched, "not personal:" is not. Until now only some were marked. The report of an
           erasure lists mentions for a person to decide, which may be thousands. Whoever asks for an
           erasure does not approve it.
Locks:     ShareUpdateExclusive on each table, for its comments; AccessExclusive on
           governance.erasure_requests.
Duration:  milliseconds; erasure_requests, which has a row for each request, is rewritten.
Way back:  takes the marks off, and makes the report small again: that fails when a report has more
           than 16 kB by then.
"""

from migrations.runner.execute import execute

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        comment on column audit.log.schema_name is 'not personal: The schema of the changed row.';
        comment on column audit.log.table_name is 'not personal: The table of the changed row.';
        comment on column audit.log.changed is 'not personal: The columns that an update changed.';
        comment on column audit.log.salt is 'not personal: Keeps the hash of the values from being guessed; goes with them.';
        comment on column audit.log.values_hash is 'not personal: sha256 of salt, old and new values, left in their place by redaction; null before.';
        comment on column audit.log.agency_role is 'not personal: The role that the membership had then.';
        comment on column audit.log.db_role is 'not personal: The database role that the statement ran as.';
        comment on column audit.log.request_id is 'not personal: The id that the gateway gave the request; a client can choose it.';
        comment on column audit.log.ip is 'personal: The address of the client, as the gateway saw it.';

        comment on column audit.retired.head_hash is 'not personal: The hash of its last seal.';
        comment on column audit.retired.export_sha256 is 'not personal: sha256 of the exported file.';
        comment on column audit.retired.retired_by is 'not personal: The login that retired it.';

        comment on column audit.seals.rows_hash is 'not personal: sha256 over the hashes of its rows, in their order.';
        comment on column audit.seals.row_marks is 'not personal: The first four bytes of the hash of each row: they say which row was touched.';
        comment on column audit.seals.revision is 'not personal: The revision of the database when it sealed.';
        comment on column audit.seals.machinery is 'not personal: What recorded then: the hash of functions and triggers, see migration.machinery.';
        comment on column audit.seals.prev_hash is 'not personal: The seal before.';
        comment on column audit.seals.seal_hash is 'not personal: sha256 of all of these but id.';

        comment on column audit.verifications.head_hash is 'not personal: The hash of that seal: compare it with what was anchored outside.';
        comment on column audit.verifications.first_problem is 'not personal: The first of these, as audit.verify names it.';

        comment on column crm.activities.search is 'not personal: What full text search looks at; made by the database.';

        comment on column crm.calendar_events.timezone is 'not personal: Time zone in which it was made.';
        comment on column crm.calendar_events.calendar_key is 'not personal: Which calendar of the owner.';
        comment on column crm.calendar_events.external_uid is 'free text: The UID of iCalendar.';
        comment on column crm.calendar_events.recurrence_id is 'not personal: Which event of a series.';
        comment on column crm.calendar_events.recurrence_rule is 'not personal: How a series goes on.';
        comment on column crm.calendar_events.search is 'not personal: What full text search looks at; made by the database.';

        comment on column crm.companies.name is 'free text: The name.';
        comment on column crm.companies.domain is 'not personal: Its domain, unique among live companies: key of import and of duplicate search.';
        comment on column crm.companies.currency is 'not personal: Currency of annual_revenue.';
        comment on column crm.companies.street is 'free text: Street and number.';
        comment on column crm.companies.city is 'free text: City.';
        comment on column crm.companies.region is 'free text: Region or state.';
        comment on column crm.companies.postal_code is 'free text: Postal code.';
        comment on column crm.companies.country is 'not personal: Country, two letters.';
        comment on column crm.companies.search is 'not personal: What full text search looks at; made by the database.';

        comment on column crm.consents.purpose is 'not personal: What for: newsletter, profiling …';
        comment on column crm.consents.source is 'not personal: How: form, phone, import, merge, portal.';

        comment on column crm.contact_points.label is 'free text: work, home …';

        comment on column crm.contacts.locale is 'personal: Language of the person.';
        comment on column crm.contacts.timezone is 'personal: Time zone of the person.';
        comment on column crm.contacts.search is 'not personal: What full text search looks at; made by the database.';

        comment on column crm.conversations.external_thread_id is 'free text: Its id at the provider.';

        comment on column crm.custom_field_defs.key is 'not personal: The key inside custom; never changes.';
        comment on column crm.custom_field_defs.label is 'not personal: What people read.';
        comment on column crm.custom_field_defs.options is 'not personal: What can be chosen, of the two select types: an array of texts.';

        comment on column crm.deal_contacts.role_title is 'free text: Decision maker, buyer …';

        comment on column crm.deal_line_items.description is 'free text: What is sold.';

        comment on column crm.deals.currency is 'not personal: Currency of the amount and of its lines.';
        comment on column crm.deals.search is 'not personal: What full text search looks at; made by the database.';

        comment on column crm.files.bucket is 'not personal: The bucket.';
        comment on column crm.files.mime is 'not personal: The type of the content.';
        comment on column crm.files.sha256 is 'not personal: The hash of the content.';

        comment on column crm.lookup_values.label is 'free text: The value as people read it, unique in its list.';

        comment on column crm.merge_records.moved is 'free text: Table to the ids that moved, and links that were dropped as duplicates.';

        comment on column crm.messages.body_html_path is 'personal: The full original in object storage.';
        comment on column crm.messages.external_id is 'free text: Its id at the provider: a webhook that comes twice is one row.';
        comment on column crm.messages.in_reply_to is 'free text: The id of the message it answers.';
        comment on column crm.messages.error is 'free text: Why it could not be sent.';
        comment on column crm.messages.search is 'not personal: What full text search looks at; made by the database.';

        comment on column crm.participants.role is 'not personal: As what.';

        comment on column crm.pipeline_stages.name is 'not personal: The name.';

        comment on column crm.pipelines.name is 'not personal: The name, unique among live pipelines.';

        comment on column crm.products.sku is 'not personal: The number of the article, unique among live products.';
        comment on column crm.products.name is 'free text: The name.';
        comment on column crm.products.description is 'free text: What it is.';
        comment on column crm.products.currency is 'not personal: Currency of the price.';

        comment on column crm.saved_views.entity is 'not personal: The table that it lists.';
        comment on column crm.saved_views.name is 'free text: Its name, unique for the owner and the table among live views.';
        comment on column crm.saved_views.columns is 'free text: The columns it shows.';

        comment on column crm.tags.name is 'free text: The word, unique among live tags.';
        comment on column crm.tags.color is 'not personal: Its colour.';

        comment on column governance.erasure_requests.subject_kind is 'not personal: contact or member.';
        comment on column governance.erasure_requests.report is 'not personal: Rows for each table; hits to confirm, as table, id, column.';

        comment on column governance.retention_policies.entity is 'not personal: The table, schema.table.';

        comment on column integration.import_jobs.mapping is 'free text: Column to field.';

        comment on column integration.import_rows.error_code is 'not personal: SQLSTATE, or a code of ours.';
        comment on column integration.import_rows.error_field is 'free text: The field that was wrong.';
        comment on column integration.import_rows.error_message is 'free text: What was wrong.';

        comment on column integration.outbox_events.aggregate is 'not personal: The table, schema.table.';
        comment on column integration.outbox_events.type is 'not personal: What happened: crm.deals.updated.';
        comment on column integration.outbox_events.payload is 'not personal: Ids, row_version and names of changed columns; no values.';
        comment on column integration.outbox_events.headers is 'not personal: Request id and actor.';

        comment on column integration.webhook_deliveries.event_type is 'not personal: Its type.';
        comment on column integration.webhook_deliveries.last_error is 'not personal: What went wrong last.';

        comment on column integration.webhook_endpoints.name is 'free text: What it is.';
        comment on column integration.webhook_endpoints.url is 'not personal: Where events are sent, unique among live endpoints.';
        comment on column integration.webhook_endpoints.event_types is 'not personal: Which events; empty: all.';

        comment on column integration.webhook_secrets.secret_ref is 'not personal: Its name in the secret store.';

        comment on column tenancy.agencies.slug is 'not personal: Its name in URLs; never used again by another agency.';
        comment on column tenancy.agencies.name is 'not personal: Its name as people read it.';
        comment on column tenancy.agencies.plan is 'not personal: What it pays for; written by service_role only.';
        comment on column tenancy.agencies.data_region is 'not personal: Where its data lives; written by service_role only.';
        comment on column tenancy.agencies.default_currency is 'not personal: Currency of new amounts.';
        comment on column tenancy.agencies.timezone is 'not personal: Its time zone, a name that PostgreSQL knows.';
        comment on column tenancy.agencies.locale is 'not personal: Its language.';
        comment on column tenancy.agencies.logo_path is 'not personal: Path of the logo in storage.';
        comment on column tenancy.agencies.settings is 'not personal: Settings of the applications.';

        comment on column tenancy.api_key_secrets.key_hash is 'not personal: sha256 of the key; the key is never stored.';

        comment on column tenancy.api_keys.name is 'free text: What the key is for.';
        comment on column tenancy.api_keys.prefix is 'not personal: Its first characters, to recognise it.';
        comment on column tenancy.api_keys.scopes is 'not personal: What it may do, as schema.table:command; empty: all that its membership may.';

        comment on column tenancy.invitation_secrets.token_hash is 'not personal: sha256 of the token; the token is never stored.';

        comment on column tenancy.issuers.issuer is 'not personal: The claim iss, letter for letter.';
        comment on column tenancy.issuers.kind is 'not personal: What it is: gotrue, kratos, authentik, own.';

        comment on column tenancy.memberships.capabilities is 'not personal: Extra rights: import, export, merge.';

        comment on column tenancy.teams.name is 'free text: The name, unique among live teams.';

        comment on column tenancy.user_identities.issuer is 'not personal: The claim iss.';
        comment on column tenancy.user_identities.provider is 'not personal: How the person signs in there.';

        comment on column tenancy.users.locale is 'personal: Language of the person.';
        comment on column tenancy.users.timezone is 'personal: Time zone of the person.';
        """
    )
    execute(
        r"""
        -- squawk-ignore changing-column-type -- a row for each request to be forgotten: milliseconds
        alter table governance.erasure_requests alter column report type app.json_doc;

        alter table governance.erasure_requests
            -- squawk-ignore constraint-missing-not-valid -- as above
            add constraint erasure_requests_second_approver check (
                status in ('requested', 'refused')
                or (approved_by_id is not null and approved_by_id is distinct from requested_by_id)
                or report ? 'replayed'
            );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        alter table governance.erasure_requests drop constraint erasure_requests_second_approver;

        -- squawk-ignore changing-column-type -- as above
        alter table governance.erasure_requests alter column report type app.json_object;
        """
    )
    execute(
        r"""
        comment on column audit.log.schema_name is 'The schema of the changed row.';
        comment on column audit.log.table_name is 'The table of the changed row.';
        comment on column audit.log.changed is 'The columns that an update changed.';
        comment on column audit.log.salt is 'Keeps the hash of the values from being guessed; goes with them.';
        comment on column audit.log.values_hash is 'sha256 of salt, old and new values, left in their place by redaction; null before.';
        comment on column audit.log.agency_role is 'The role that the membership had then.';
        comment on column audit.log.db_role is 'The database role that the statement ran as.';
        comment on column audit.log.request_id is 'The id that the gateway gave the request; a client can choose it.';
        comment on column audit.log.ip is 'The address of the client, as the gateway saw it.';

        comment on column audit.retired.head_hash is 'The hash of its last seal.';
        comment on column audit.retired.export_sha256 is 'sha256 of the exported file.';
        comment on column audit.retired.retired_by is 'The login that retired it.';

        comment on column audit.seals.rows_hash is 'sha256 over the hashes of its rows, in their order.';
        comment on column audit.seals.row_marks is 'The first four bytes of the hash of each row: they say which row was touched.';
        comment on column audit.seals.revision is 'The revision of the database when it sealed.';
        comment on column audit.seals.machinery is 'What recorded then: the hash of functions and triggers, see migration.machinery.';
        comment on column audit.seals.prev_hash is 'The seal before.';
        comment on column audit.seals.seal_hash is 'sha256 of all of these but id.';

        comment on column audit.verifications.head_hash is 'The hash of that seal: compare it with what was anchored outside.';
        comment on column audit.verifications.first_problem is 'The first of these, as audit.verify names it.';

        comment on column crm.activities.search is 'What full text search looks at; made by the database.';

        comment on column crm.calendar_events.timezone is 'Time zone in which it was made.';
        comment on column crm.calendar_events.calendar_key is 'Which calendar of the owner.';
        comment on column crm.calendar_events.external_uid is 'The UID of iCalendar.';
        comment on column crm.calendar_events.recurrence_id is 'Which event of a series.';
        comment on column crm.calendar_events.recurrence_rule is 'How a series goes on.';
        comment on column crm.calendar_events.search is 'What full text search looks at; made by the database.';

        comment on column crm.companies.name is 'The name.';
        comment on column crm.companies.domain is 'Its domain, unique among live companies: key of import and of duplicate search.';
        comment on column crm.companies.currency is 'Currency of annual_revenue.';
        comment on column crm.companies.street is 'Street and number.';
        comment on column crm.companies.city is 'City.';
        comment on column crm.companies.region is 'Region or state.';
        comment on column crm.companies.postal_code is 'Postal code.';
        comment on column crm.companies.country is 'Country, two letters.';
        comment on column crm.companies.search is 'What full text search looks at; made by the database.';

        comment on column crm.consents.purpose is 'What for: newsletter, profiling …';
        comment on column crm.consents.source is 'How: form, phone, import, merge, portal.';

        comment on column crm.contact_points.label is 'work, home …';

        comment on column crm.contacts.locale is 'Language of the person.';
        comment on column crm.contacts.timezone is 'Time zone of the person.';
        comment on column crm.contacts.search is 'What full text search looks at; made by the database.';

        comment on column crm.conversations.external_thread_id is 'Its id at the provider.';

        comment on column crm.custom_field_defs.key is 'The key inside custom; never changes.';
        comment on column crm.custom_field_defs.label is 'What people read.';
        comment on column crm.custom_field_defs.options is 'What can be chosen, of the two select types: an array of texts.';

        comment on column crm.deal_contacts.role_title is 'Decision maker, buyer …';

        comment on column crm.deal_line_items.description is 'What is sold.';

        comment on column crm.deals.currency is 'Currency of the amount and of its lines.';
        comment on column crm.deals.search is 'What full text search looks at; made by the database.';

        comment on column crm.files.bucket is 'The bucket.';
        comment on column crm.files.mime is 'The type of the content.';
        comment on column crm.files.sha256 is 'The hash of the content.';

        comment on column crm.lookup_values.label is 'The value as people read it, unique in its list.';

        comment on column crm.merge_records.moved is 'Table to the ids that moved, and links that were dropped as duplicates.';

        comment on column crm.messages.body_html_path is 'The full original in object storage.';
        comment on column crm.messages.external_id is 'Its id at the provider: a webhook that comes twice is one row.';
        comment on column crm.messages.in_reply_to is 'The id of the message it answers.';
        comment on column crm.messages.error is 'Why it could not be sent.';
        comment on column crm.messages.search is 'What full text search looks at; made by the database.';

        comment on column crm.participants.role is 'As what.';

        comment on column crm.pipeline_stages.name is 'The name.';

        comment on column crm.pipelines.name is 'The name, unique among live pipelines.';

        comment on column crm.products.sku is 'The number of the article, unique among live products.';
        comment on column crm.products.name is 'The name.';
        comment on column crm.products.description is 'What it is.';
        comment on column crm.products.currency is 'Currency of the price.';

        comment on column crm.saved_views.entity is 'The table that it lists.';
        comment on column crm.saved_views.name is 'Its name, unique for the owner and the table among live views.';
        comment on column crm.saved_views.columns is 'The columns it shows.';

        comment on column crm.tags.name is 'The word, unique among live tags.';
        comment on column crm.tags.color is 'Its colour.';

        comment on column governance.erasure_requests.subject_kind is 'contact or member.';
        comment on column governance.erasure_requests.report is 'Rows for each table; hits to confirm, as table, id, column.';

        comment on column governance.retention_policies.entity is 'The table, schema.table.';

        comment on column integration.import_jobs.mapping is 'Column to field.';

        comment on column integration.import_rows.error_code is 'SQLSTATE, or a code of ours.';
        comment on column integration.import_rows.error_field is 'The field that was wrong.';
        comment on column integration.import_rows.error_message is 'What was wrong.';

        comment on column integration.outbox_events.aggregate is 'The table, schema.table.';
        comment on column integration.outbox_events.type is 'What happened: crm.deals.updated.';
        comment on column integration.outbox_events.payload is 'Ids, row_version and names of changed columns; no values.';
        comment on column integration.outbox_events.headers is 'Request id and actor.';

        comment on column integration.webhook_deliveries.event_type is 'Its type.';
        comment on column integration.webhook_deliveries.last_error is 'What went wrong last.';

        comment on column integration.webhook_endpoints.name is 'What it is.';
        comment on column integration.webhook_endpoints.url is 'Where events are sent, unique among live endpoints.';
        comment on column integration.webhook_endpoints.event_types is 'Which events; empty: all.';

        comment on column integration.webhook_secrets.secret_ref is 'Its name in the secret store.';

        comment on column tenancy.agencies.slug is 'Its name in URLs; never used again by another agency.';
        comment on column tenancy.agencies.name is 'Its name as people read it.';
        comment on column tenancy.agencies.plan is 'What it pays for; written by service_role only.';
        comment on column tenancy.agencies.data_region is 'Where its data lives; written by service_role only.';
        comment on column tenancy.agencies.default_currency is 'Currency of new amounts.';
        comment on column tenancy.agencies.timezone is 'Its time zone, a name that PostgreSQL knows.';
        comment on column tenancy.agencies.locale is 'Its language.';
        comment on column tenancy.agencies.logo_path is 'Path of the logo in storage.';
        comment on column tenancy.agencies.settings is 'Settings of the applications.';

        comment on column tenancy.api_key_secrets.key_hash is 'sha256 of the key; the key is never stored.';

        comment on column tenancy.api_keys.name is 'What the key is for.';
        comment on column tenancy.api_keys.prefix is 'Its first characters, to recognise it.';
        comment on column tenancy.api_keys.scopes is 'What it may do, as schema.table:command; empty: all that its membership may.';

        comment on column tenancy.invitation_secrets.token_hash is 'sha256 of the token; the token is never stored.';

        comment on column tenancy.issuers.issuer is 'The claim iss, letter for letter.';
        comment on column tenancy.issuers.kind is 'What it is: gotrue, kratos, authentik, own.';

        comment on column tenancy.memberships.capabilities is 'Extra rights: import, export, merge.';

        comment on column tenancy.teams.name is 'The name, unique among live teams.';

        comment on column tenancy.user_identities.issuer is 'The claim iss.';
        comment on column tenancy.user_identities.provider is 'How the person signs in there.';

        comment on column tenancy.users.locale is 'Language of the person.';
        comment on column tenancy.users.timezone is 'Time zone of the person.';
        """
    )
