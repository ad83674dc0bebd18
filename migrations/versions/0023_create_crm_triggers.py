"""Create the triggers of crm, integration and governance

Reason:    the rules of one row, and the trail of its changes; what the narrow role of the triggers
           needs of the tables.
Locks:     ShareRowExclusive on tenancy.teams and each table of the three schemas, AccessExclusive where
           a policy is new.
Duration:  milliseconds.
Way back:  drops the triggers; rows stay as they are, and changes are not recorded any more.
"""

from migrations.runner.execute import execute

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on crm.activities
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_activities();

        create or replace trigger audit_insert
        after insert on crm.activities
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_activities();

        create or replace trigger audit_truncate
        before truncate on crm.activities
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.activities
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_activities();

        create or replace trigger check_lookups
        before insert or update of type_id on crm.activities
        for each row
        when (
            new.type_id is not null
        )
        execute function app.check_lookups('type_id', 'activity_type');

        create or replace trigger default_owner
        before insert on crm.activities
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger default_team
        before insert on crm.activities
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger forbid_agency_change
        before update on crm.activities
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            type_id,
            contact_id,
            company_id,
            deal_id,
            team_id
        on crm.activities
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'type_id', 'crm.lookup_values',
            'contact_id', 'crm.contacts',
            'company_id', 'crm.companies',
            'deal_id', 'crm.deals',
            'team_id', 'tenancy.teams'
        );

        create or replace trigger guard_agent
        before update on crm.activities
        for each row
        execute function app.guard_agent();

        create or replace trigger stamp
        before insert or update on crm.activities
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.activities
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.calendar_events
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_calendar_events();

        create or replace trigger audit_insert
        after insert on crm.calendar_events
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_calendar_events();

        create or replace trigger audit_truncate
        before truncate on crm.calendar_events
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.calendar_events
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_calendar_events();

        create or replace trigger default_owner
        before insert on crm.calendar_events
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();
        """
    )
    execute(
        r"""
        create or replace trigger default_team
        before insert on crm.calendar_events
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger forbid_agency_change
        before update on crm.calendar_events
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            company_id,
            deal_id,
            team_id
        on crm.calendar_events
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'company_id', 'crm.companies',
            'deal_id', 'crm.deals',
            'team_id', 'tenancy.teams'
        );

        create or replace trigger guard_agent
        before update on crm.calendar_events
        for each row
        execute function app.guard_agent();

        create or replace trigger keep_participants
        before insert or update of participant_ids on crm.calendar_events
        for each row
        execute function app.keep_participants();
        """
    )
    execute(
        r"""
        create or replace trigger stamp
        before insert or update of
            agency_id,
            id,
            title,
            description,
            location,
            starts_at,
            ends_at,
            all_day,
            timezone,
            calendar_key,
            external_uid,
            recurrence_id,
            recurrence_rule,
            owner_id,
            team_id,
            company_id,
            deal_id,
            visibility,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version,
            deleted_at,
            deleted_by,
            search
        on crm.calendar_events
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        create or replace trigger stamp_deletion
        before update on crm.calendar_events
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        grant select on table crm.calendar_events to gardenos_crm_writer;

        create policy "triggers note who takes part"
        on crm.calendar_events
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.companies
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_companies();

        create or replace trigger audit_insert
        after insert on crm.companies
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_companies();

        create or replace trigger audit_truncate
        before truncate on crm.companies
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.companies
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_companies();

        create or replace trigger check_custom
        before insert on crm.companies
        for each row
        execute function app.check_custom('company');

        create or replace trigger check_custom_update
        before update on crm.companies
        for each row
        when (
            old.custom is distinct from new.custom
        )
        execute function app.check_custom('company');

        create or replace trigger check_lookups
        before insert or update of industry_id on crm.companies
        for each row
        when (
            new.industry_id is not null
        )
        execute function app.check_lookups('industry_id', 'industry');

        create or replace trigger default_owner
        before insert on crm.companies
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger default_team
        before insert on crm.companies
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger forbid_agency_change
        before update on crm.companies
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            industry_id,
            team_id
        on crm.companies
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'industry_id', 'crm.lookup_values',
            'team_id', 'tenancy.teams'
        );

        create or replace trigger guard_agent
        before update on crm.companies
        for each row
        execute function app.guard_agent();

        create or replace trigger stamp
        before insert or update on crm.companies
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.companies
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.consents
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_consents();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on crm.consents
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_consents();

        create or replace trigger audit_truncate
        before truncate on crm.consents
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.consents
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_consents();

        create or replace trigger forbid_change
        before update or delete on crm.consents
        for each row
        execute function app.forbid_change('evidence');

        create or replace trigger guard
        before insert on crm.consents
        for each row
        execute function app.guard_consent();

        create or replace trigger stamp
        before insert on crm.consents
        for each row
        execute function app.stamp_link();

        create or replace trigger audit_delete
        after delete on crm.contact_companies
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_contact_companies();

        create or replace trigger audit_insert
        after insert on crm.contact_companies
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_contact_companies();

        create or replace trigger audit_truncate
        before truncate on crm.contact_companies
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.contact_companies
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_contact_companies();

        create or replace trigger forbid_agency_change
        before update on crm.contact_companies
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of company_id on crm.contact_companies
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('company_id', 'crm.companies');

        create or replace trigger stamp
        before insert or update on crm.contact_companies
        for each row
        execute function app.stamp_row();

        create or replace trigger audit_delete
        after delete on crm.contact_points
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_contact_points();

        create or replace trigger audit_insert
        after insert on crm.contact_points
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_contact_points();

        create or replace trigger audit_truncate
        before truncate on crm.contact_points
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.contact_points
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_contact_points();

        create or replace trigger check_suppression
        after insert or update of
            kind,
            value,
            e164
        on crm.contact_points
        for each row
        execute function app.check_suppression();

        create or replace trigger forbid_agency_change
        before update on crm.contact_points
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger guard_agent
        before update on crm.contact_points
        for each row
        execute function app.guard_agent();

        create or replace trigger stamp
        before insert or update on crm.contact_points
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.contact_points
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();
        """
    )
    execute(
        r"""
        grant select on table crm.contact_points to gardenos_crm_writer;

        create policy "triggers delete and restore addresses with their contact"
        on crm.contact_points
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.contacts
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_contacts();

        create or replace trigger audit_insert
        after insert on crm.contacts
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_contacts();

        create or replace trigger audit_truncate
        before truncate on crm.contacts
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.contacts
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_contacts();

        create or replace trigger check_custom
        before insert on crm.contacts
        for each row
        execute function app.check_custom('contact');

        create or replace trigger check_custom_update
        before update on crm.contacts
        for each row
        when (
            old.custom is distinct from new.custom
            and new.anonymised_at is null
        )
        execute function app.check_custom('contact');

        create or replace trigger check_lookups
        before insert or update of
            lifecycle_id,
            source_id
        on crm.contacts
        for each row
        when (
            new.lifecycle_id is not null
            or new.source_id is not null
        )
        execute function app.check_lookups('lifecycle_id', 'lifecycle_stage', 'source_id', 'source');

        create or replace trigger default_owner
        before insert on crm.contacts
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger default_team
        before insert on crm.contacts
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger delete_points
        after update on crm.contacts
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
        )
        execute function app.delete_points();

        create or replace trigger forbid_agency_change
        before update on crm.contacts
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            lifecycle_id,
            source_id,
            team_id
        on crm.contacts
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'lifecycle_id', 'crm.lookup_values',
            'source_id', 'crm.lookup_values',
            'team_id', 'tenancy.teams'
        );

        create or replace trigger guard_agent
        before update on crm.contacts
        for each row
        execute function app.guard_agent();

        create or replace trigger guard_anonymised
        before update on crm.contacts
        for each row
        when (
            old.anonymised_at is not null
        )
        execute function app.guard_anonymised();
        """
    )
    execute(
        r"""
        create or replace trigger stamp
        before insert or update on crm.contacts
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.contacts
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.conversations
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_conversations();

        create or replace trigger audit_insert
        after insert on crm.conversations
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_conversations();

        create or replace trigger audit_truncate
        before truncate on crm.conversations
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.conversations
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_conversations();

        create or replace trigger default_owner
        before insert on crm.conversations
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger default_team
        before insert on crm.conversations
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger forbid_agency_change
        before update on crm.conversations
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            contact_id,
            deal_id,
            team_id
        on crm.conversations
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'contact_id', 'crm.contacts',
            'deal_id', 'crm.deals',
            'team_id', 'tenancy.teams'
        );

        create or replace trigger guard_agent
        before update on crm.conversations
        for each row
        execute function app.guard_agent();

        create or replace trigger keep_participants
        before insert or update of participant_ids on crm.conversations
        for each row
        execute function app.keep_participants();

        create or replace trigger stamp
        before insert or update of
            agency_id,
            id,
            channel,
            subject,
            status,
            contact_id,
            deal_id,
            owner_id,
            assignee_id,
            team_id,
            visibility,
            external_thread_id,
            snoozed_until,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version,
            deleted_at,
            deleted_by
        on crm.conversations
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.conversations
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();
        """
    )
    execute(
        r"""
        grant select on table crm.conversations to gardenos_crm_writer;

        create policy "triggers note who takes part and when something was said"
        on crm.conversations
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.custom_field_defs
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_custom_field_defs();

        create or replace trigger audit_insert
        after insert on crm.custom_field_defs
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_custom_field_defs();

        create or replace trigger audit_truncate
        before truncate on crm.custom_field_defs
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.custom_field_defs
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_custom_field_defs();

        create or replace trigger check_options
        before insert or update of options on crm.custom_field_defs
        for each row
        execute function app.check_field_options();

        create or replace trigger forbid_agency_change
        before update on crm.custom_field_defs
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_removal
        before delete on crm.custom_field_defs
        for each row
        execute function app.forbid_removal();

        create or replace trigger keep_definition
        before update on crm.custom_field_defs
        for each row
        when (
            old.entity is distinct from new.entity
            or old.key is distinct from new.key
            or old.data_type is distinct from new.data_type
        )
        execute function app.forbid_redefinition('entity', 'key', 'data_type');

        create or replace trigger stamp
        before insert or update on crm.custom_field_defs
        for each row
        execute function app.stamp_row();

        grant select on table crm.custom_field_defs to gardenos_crm_writer;

        create policy "triggers look definitions up"
        on crm.custom_field_defs
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.deal_contacts
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_deal_contacts();

        create or replace trigger audit_insert
        after insert on crm.deal_contacts
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_deal_contacts();

        create or replace trigger audit_truncate
        before truncate on crm.deal_contacts
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.deal_contacts
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_deal_contacts();

        create or replace trigger forbid_agency_change
        before update on crm.deal_contacts
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of contact_id on crm.deal_contacts
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('contact_id', 'crm.contacts');

        create or replace trigger stamp
        before insert or update on crm.deal_contacts
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on crm.deal_line_items
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_deal_line_items();

        create or replace trigger audit_insert
        after insert on crm.deal_line_items
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_deal_line_items();

        create or replace trigger audit_truncate
        before truncate on crm.deal_line_items
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.deal_line_items
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_deal_line_items();

        create or replace trigger forbid_agency_change
        before update on crm.deal_line_items
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of product_id on crm.deal_line_items
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('product_id', 'crm.products');

        create or replace trigger keep_definition
        before update on crm.deal_line_items
        for each row
        when (
            old.deal_id is distinct from new.deal_id
        )
        execute function app.forbid_redefinition('deal_id');

        create or replace trigger stamp
        before insert or update on crm.deal_line_items
        for each row
        execute function app.stamp_row();

        create or replace trigger total_delete
        after delete on crm.deal_line_items
        referencing old table as changed_rows
        for each statement
        execute function app.total_deals();

        create or replace trigger total_insert
        after insert on crm.deal_line_items
        referencing new table as changed_rows
        for each statement
        execute function app.total_deals();

        create or replace trigger total_update
        after update on crm.deal_line_items
        referencing new table as changed_rows
        for each statement
        execute function app.total_deals();

        grant select on table crm.deal_line_items to gardenos_crm_writer;

        create policy "triggers total the lines"
        on crm.deal_line_items
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );

        create or replace trigger forbid_change
        before update or delete on crm.deal_stage_history
        for each row
        execute function app.forbid_change('cascade', 'left_at');

        grant select, insert on table crm.deal_stage_history to gardenos_crm_writer;

        create policy "triggers write the history"
        on crm.deal_stage_history
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.deals
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_deals();

        create or replace trigger audit_insert
        after insert on crm.deals
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_deals();

        create or replace trigger audit_truncate
        before truncate on crm.deals
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.deals
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_deals();

        create or replace trigger check_custom
        before insert on crm.deals
        for each row
        execute function app.check_custom('deal');

        create or replace trigger check_custom_update
        before update on crm.deals
        for each row
        when (
            old.custom is distinct from new.custom
        )
        execute function app.check_custom('deal');
        """
    )
    execute(
        r"""
        create or replace trigger check_lookups
        before insert or update of
            lost_reason_id,
            source_id
        on crm.deals
        for each row
        when (
            new.lost_reason_id is not null
            or new.source_id is not null
        )
        execute function app.check_lookups('lost_reason_id', 'lost_reason', 'source_id', 'source');

        create or replace trigger default_owner
        before insert on crm.deals
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger default_team
        before insert on crm.deals
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger forbid_agency_change
        before update on crm.deals
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            pipeline_id,
            company_id,
            primary_contact_id,
            lost_reason_id,
            source_id,
            team_id
        on crm.deals
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'pipeline_id', 'crm.pipelines',
            'company_id', 'crm.companies',
            'primary_contact_id', 'crm.contacts',
            'lost_reason_id', 'crm.lookup_values',
            'source_id', 'crm.lookup_values',
            'team_id', 'tenancy.teams'
        );

        create or replace trigger guard_agent
        before update on crm.deals
        for each row
        execute function app.guard_agent();

        create or replace trigger keep_amount
        before update on crm.deals
        for each row
        when (
            old.amount is distinct from new.amount
        )
        execute function app.keep_amount();

        create or replace trigger note_stage
        after insert on crm.deals
        for each row
        execute function app.note_stage();

        create or replace trigger note_stage_update
        after update on crm.deals
        for each row
        when (
            old.stage_id <> new.stage_id
        )
        execute function app.note_stage();

        create or replace trigger place
        before insert on crm.deals
        for each row
        execute function app.place_deal();

        create or replace trigger place_update
        before update on crm.deals
        for each row
        when (
            old.stage_id <> new.stage_id
            or old.status <> new.status
            or old.stage_entered_at <> new.stage_entered_at
            or old.closed_at is distinct from new.closed_at
        )
        execute function app.place_deal();

        create or replace trigger stamp
        before insert or update on crm.deals
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.deals
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        grant select on table crm.deals to gardenos_crm_writer;

        create policy "triggers total the lines"
        on crm.deals
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on crm.files
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_files();

        create or replace trigger audit_insert
        after insert on crm.files
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_files();

        create or replace trigger audit_truncate
        before truncate on crm.files
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.files
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_files();

        create or replace trigger default_owner
        before insert on crm.files
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger forbid_agency_change
        before update on crm.files
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger guard_agent
        before update on crm.files
        for each row
        execute function app.guard_agent();

        create or replace trigger stamp
        before insert or update on crm.files
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.files
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.lookup_values
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_lookup_values();

        create or replace trigger audit_insert
        after insert on crm.lookup_values
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_lookup_values();

        create or replace trigger audit_truncate
        before truncate on crm.lookup_values
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.lookup_values
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_lookup_values();

        create or replace trigger forbid_agency_change
        before update on crm.lookup_values
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger keep_definition
        before update on crm.lookup_values
        for each row
        when (
            old.kind is distinct from new.kind
        )
        execute function app.forbid_redefinition('kind');

        create or replace trigger stamp
        before insert or update on crm.lookup_values
        for each row
        execute function app.stamp_row();

        grant select on table crm.lookup_values to gardenos_crm_writer;

        create policy "triggers look values up"
        on crm.lookup_values
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.merge_records
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_merge_records();

        create or replace trigger audit_insert
        after insert on crm.merge_records
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_merge_records();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on crm.merge_records
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.merge_records
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_merge_records();

        create or replace trigger forbid_agency_change
        before update on crm.merge_records
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger keep_definition
        before update on crm.merge_records
        for each row
        when (
            old.entity is distinct from new.entity
            or old.winner_contact_id is distinct from new.winner_contact_id
            or old.loser_contact_id is distinct from new.loser_contact_id
            or old.winner_company_id is distinct from new.winner_company_id
            or old.loser_company_id is distinct from new.loser_company_id
            or old.snapshot is distinct from new.snapshot
            or old.moved is distinct from new.moved
            or old.merged_by_id is distinct from new.merged_by_id
            or old.undo_until is distinct from new.undo_until
        )
        execute function app.forbid_redefinition(
            'entity',
            'winner_contact_id',
            'loser_contact_id',
            'winner_company_id',
            'loser_company_id',
            'snapshot',
            'moved',
            'merged_by_id',
            'undo_until'
        );

        create or replace trigger stamp
        before insert on crm.merge_records
        for each row
        execute function app.stamp_link();

        create or replace trigger audit_delete
        after delete on crm.messages
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_messages();

        create or replace trigger audit_insert
        after insert on crm.messages
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_messages();

        create or replace trigger audit_truncate
        before truncate on crm.messages
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.messages
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_messages();

        create or replace trigger forbid_agency_change
        before update on crm.messages
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger guard
        before insert or update on crm.messages
        for each row
        execute function app.guard_message();

        create or replace trigger guard_agent
        before update on crm.messages
        for each row
        execute function app.guard_agent();

        create or replace trigger note
        after insert on crm.messages
        for each row
        when (
            new.status <> 'draft'
        )
        execute function app.note_message();

        create or replace trigger note_update
        after update on crm.messages
        for each row
        when (
            new.status <> 'draft'
            and (old.status = 'draft' or old.sent_at <> new.sent_at)
        )
        execute function app.note_message();

        create or replace trigger stamp
        before insert or update on crm.messages
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.messages
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();
        """
    )
    execute(
        r"""
        create or replace trigger audit_delete
        after delete on crm.participants
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_participants();

        create or replace trigger audit_insert
        after insert on crm.participants
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_participants();

        create or replace trigger audit_truncate
        before truncate on crm.participants
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.participants
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_participants();

        create or replace trigger forbid_agency_change
        before update on crm.participants
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            membership_id,
            contact_id
        on crm.participants
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'membership_id', 'tenancy.memberships',
            'contact_id', 'crm.contacts'
        );

        create or replace trigger keep_definition
        before update on crm.participants
        for each row
        when (
            old.conversation_id is distinct from new.conversation_id
            or old.calendar_event_id is distinct from new.calendar_event_id
        )
        execute function app.forbid_redefinition('conversation_id', 'calendar_event_id');

        create or replace trigger note
        after insert or delete or update of
            conversation_id,
            calendar_event_id,
            membership_id
        on crm.participants
        for each row
        execute function app.note_participants();

        create or replace trigger stamp
        before insert on crm.participants
        for each row
        execute function app.stamp_link();

        grant select on table crm.participants to gardenos_crm_writer;

        create policy "triggers list who takes part"
        on crm.participants
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.pipeline_stages
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_pipeline_stages();

        create or replace trigger audit_insert
        after insert on crm.pipeline_stages
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_pipeline_stages();

        create or replace trigger audit_truncate
        before truncate on crm.pipeline_stages
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.pipeline_stages
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_pipeline_stages();

        create or replace trigger forbid_agency_change
        before update on crm.pipeline_stages
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of pipeline_id on crm.pipeline_stages
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('pipeline_id', 'crm.pipelines');

        create or replace trigger forbid_removal
        before delete on crm.pipeline_stages
        for each row
        execute function app.forbid_removal();
        """
    )
    execute(
        r"""
        create or replace trigger guard
        before update on crm.pipeline_stages
        for each row
        when (
            old.pipeline_id <> new.pipeline_id
            or old.outcome <> new.outcome
        )
        execute function app.guard_stage();

        create or replace trigger stamp
        before insert or update on crm.pipeline_stages
        for each row
        execute function app.stamp_row();

        grant select on table crm.pipeline_stages to gardenos_crm_writer;

        create policy "triggers look stages up and lock them"
        on crm.pipeline_stages
        as permissive
        for all
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );

        create or replace trigger audit_delete
        after delete on crm.pipelines
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_pipelines();

        create or replace trigger audit_insert
        after insert on crm.pipelines
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_pipelines();

        create or replace trigger audit_truncate
        before truncate on crm.pipelines
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.pipelines
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_pipelines();

        create or replace trigger forbid_agency_change
        before update on crm.pipelines
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on crm.pipelines
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.pipelines
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.products
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_products();

        create or replace trigger audit_insert
        after insert on crm.products
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_products();

        create or replace trigger audit_truncate
        before truncate on crm.products
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.products
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_products();

        create or replace trigger forbid_agency_change
        before update on crm.products
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on crm.products
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.products
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.record_tags
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_record_tags();
        """
    )
    execute(
        r"""
        create or replace trigger audit_insert
        after insert on crm.record_tags
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_record_tags();

        create or replace trigger audit_truncate
        before truncate on crm.record_tags
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.record_tags
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_record_tags();

        create or replace trigger forbid_agency_change
        before update on crm.record_tags
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of
            tag_id,
            contact_id,
            company_id,
            deal_id
        on crm.record_tags
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links(
            'tag_id', 'crm.tags',
            'contact_id', 'crm.contacts',
            'company_id', 'crm.companies',
            'deal_id', 'crm.deals'
        );

        create or replace trigger stamp
        before insert on crm.record_tags
        for each row
        execute function app.stamp_link();

        create or replace trigger audit_delete
        after delete on crm.saved_views
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_saved_views();

        create or replace trigger audit_insert
        after insert on crm.saved_views
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_saved_views();

        create or replace trigger audit_truncate
        before truncate on crm.saved_views
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.saved_views
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_saved_views();

        create or replace trigger default_owner
        before insert on crm.saved_views
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger forbid_agency_change
        before update on crm.saved_views
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of team_id on crm.saved_views
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('team_id', 'tenancy.teams');

        create or replace trigger stamp
        before insert or update on crm.saved_views
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.saved_views
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on crm.tags
        referencing old table as old_rows
        for each statement
        execute function audit.record_crm_tags();

        create or replace trigger audit_insert
        after insert on crm.tags
        referencing new table as new_rows
        for each statement
        execute function audit.record_crm_tags();
        """
    )
    execute(
        r"""
        create or replace trigger audit_truncate
        before truncate on crm.tags
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on crm.tags
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_crm_tags();

        create or replace trigger forbid_agency_change
        before update on crm.tags
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on crm.tags
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on crm.tags
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on governance.erasure_requests
        referencing old table as old_rows
        for each statement
        execute function audit.record_governance_erasure_requests();

        create or replace trigger audit_insert
        after insert on governance.erasure_requests
        referencing new table as new_rows
        for each statement
        execute function audit.record_governance_erasure_requests();

        create or replace trigger audit_truncate
        before truncate on governance.erasure_requests
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on governance.erasure_requests
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_governance_erasure_requests();

        create or replace trigger forbid_agency_change
        before update on governance.erasure_requests
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on governance.erasure_requests
        for each row
        execute function app.stamp_row();

        create or replace trigger audit_delete
        after delete on governance.retention_policies
        referencing old table as old_rows
        for each statement
        execute function audit.record_governance_retention_policies();

        create or replace trigger audit_insert
        after insert on governance.retention_policies
        referencing new table as new_rows
        for each statement
        execute function audit.record_governance_retention_policies();

        create or replace trigger audit_truncate
        before truncate on governance.retention_policies
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on governance.retention_policies
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_governance_retention_policies();

        create or replace trigger forbid_agency_change
        before update on governance.retention_policies
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on governance.retention_policies
        for each row
        execute function app.stamp_row();

        create or replace trigger audit_delete
        after delete on governance.suppressions
        referencing old table as old_rows
        for each statement
        execute function audit.record_governance_suppressions();

        create or replace trigger audit_insert
        after insert on governance.suppressions
        referencing new table as new_rows
        for each statement
        execute function audit.record_governance_suppressions();

        create or replace trigger audit_truncate
        before truncate on governance.suppressions
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        create or replace trigger audit_update
        after update on governance.suppressions
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_governance_suppressions();

        create or replace trigger forbid_change
        before update or delete on governance.suppressions
        for each row
        execute function app.forbid_change();

        grant select on table governance.suppressions to gardenos_crm_writer;

        create policy "triggers look addresses up"
        on governance.suppressions
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );

        create or replace trigger audit_delete
        after delete on integration.import_jobs
        referencing old table as old_rows
        for each statement
        execute function audit.record_integration_import_jobs();

        create or replace trigger audit_insert
        after insert on integration.import_jobs
        referencing new table as new_rows
        for each statement
        execute function audit.record_integration_import_jobs();

        create or replace trigger audit_truncate
        before truncate on integration.import_jobs
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on integration.import_jobs
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_integration_import_jobs();

        create or replace trigger default_owner
        before insert on integration.import_jobs
        for each row
        when (
            new.owner_id is null
        )
        execute function app.default_owner();

        create or replace trigger default_team
        before insert on integration.import_jobs
        for each row
        when (
            new.team_id is null
        )
        execute function app.default_team();

        create or replace trigger forbid_agency_change
        before update on integration.import_jobs
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of file_id on integration.import_jobs
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('file_id', 'crm.files');

        create or replace trigger stamp
        before insert or update of
            agency_id,
            id,
            entity,
            file_id,
            mapping,
            dedupe,
            status,
            owner_id,
            team_id,
            started_at,
            finished_at,
            reverted_at,
            revert_until,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version
        on integration.import_jobs
        for each row
        execute function app.stamp_row();

        create or replace trigger audit_delete
        after delete on integration.import_rows
        referencing old table as old_rows
        for each statement
        execute function audit.record_integration_import_rows();

        create or replace trigger audit_insert
        after insert on integration.import_rows
        referencing new table as new_rows
        for each statement
        execute function audit.record_integration_import_rows();

        create or replace trigger audit_truncate
        before truncate on integration.import_rows
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on integration.import_rows
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_integration_import_rows();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_agency_change
        before update on integration.import_rows
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger keep_definition
        before update on integration.import_rows
        for each row
        when (
            old.job_id is distinct from new.job_id
            or old.row_no is distinct from new.row_no
        )
        execute function app.forbid_redefinition('job_id', 'row_no');

        create or replace trigger stamp
        before insert on integration.import_rows
        for each row
        execute function app.stamp_link();

        create or replace trigger forbid_change
        before update or delete on integration.outbox_events
        for each row
        execute function app.forbid_change('published_at');

        create or replace trigger forbid_agency_change
        before update on integration.webhook_deliveries
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
        )
        execute function app.forbid_agency_change();

        create or replace trigger audit_delete
        after delete on integration.webhook_endpoints
        referencing old table as old_rows
        for each statement
        execute function audit.record_integration_webhook_endpoints();

        create or replace trigger audit_insert
        after insert on integration.webhook_endpoints
        referencing new table as new_rows
        for each statement
        execute function audit.record_integration_webhook_endpoints();

        create or replace trigger audit_truncate
        before truncate on integration.webhook_endpoints
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on integration.webhook_endpoints
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_integration_webhook_endpoints();

        create or replace trigger forbid_agency_change
        before update on integration.webhook_endpoints
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on integration.webhook_endpoints
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on integration.webhook_endpoints
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();

        create or replace trigger audit_delete
        after delete on integration.webhook_secrets
        referencing old table as old_rows
        for each statement
        execute function audit.record_integration_webhook_secrets();

        create or replace trigger audit_insert
        after insert on integration.webhook_secrets
        referencing new table as new_rows
        for each statement
        execute function audit.record_integration_webhook_secrets();

        create or replace trigger audit_truncate
        before truncate on integration.webhook_secrets
        for each statement
        execute function audit.forbid_truncate();

        create or replace trigger audit_update
        after update on integration.webhook_secrets
        referencing old table as old_rows new table as new_rows
        for each statement
        execute function audit.record_integration_webhook_secrets();

        create or replace trigger forbid_agency_change
        before update on integration.webhook_secrets
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_hidden_links
        after insert or update of parent_team_id on tenancy.teams
        for each row
        when (
            current_user = 'authenticated'
        )
        execute function app.forbid_hidden_links('parent_team_id', 'tenancy.teams');
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger forbid_hidden_links on tenancy.teams;

        drop trigger forbid_agency_change on integration.webhook_secrets;

        drop trigger audit_update on integration.webhook_secrets;

        drop trigger audit_truncate on integration.webhook_secrets;

        drop trigger audit_insert on integration.webhook_secrets;

        drop trigger audit_delete on integration.webhook_secrets;

        drop trigger stamp_deletion on integration.webhook_endpoints;

        drop trigger stamp on integration.webhook_endpoints;

        drop trigger forbid_agency_change on integration.webhook_endpoints;

        drop trigger audit_update on integration.webhook_endpoints;

        drop trigger audit_truncate on integration.webhook_endpoints;

        drop trigger audit_insert on integration.webhook_endpoints;

        drop trigger audit_delete on integration.webhook_endpoints;

        drop trigger forbid_agency_change on integration.webhook_deliveries;

        drop trigger forbid_change on integration.outbox_events;

        drop trigger stamp on integration.import_rows;

        drop trigger keep_definition on integration.import_rows;

        drop trigger forbid_agency_change on integration.import_rows;

        drop trigger audit_update on integration.import_rows;

        drop trigger audit_truncate on integration.import_rows;

        drop trigger audit_insert on integration.import_rows;

        drop trigger audit_delete on integration.import_rows;

        drop trigger stamp on integration.import_jobs;

        drop trigger forbid_hidden_links on integration.import_jobs;

        drop trigger forbid_agency_change on integration.import_jobs;

        drop trigger default_team on integration.import_jobs;

        drop trigger default_owner on integration.import_jobs;

        drop trigger audit_update on integration.import_jobs;

        drop trigger audit_truncate on integration.import_jobs;

        drop trigger audit_insert on integration.import_jobs;

        drop trigger audit_delete on integration.import_jobs;

        drop policy "triggers look addresses up" on governance.suppressions;

        revoke select on table governance.suppressions from gardenos_crm_writer cascade;

        drop trigger forbid_change on governance.suppressions;

        drop trigger audit_update on governance.suppressions;

        drop trigger audit_truncate on governance.suppressions;

        drop trigger audit_insert on governance.suppressions;

        drop trigger audit_delete on governance.suppressions;

        drop trigger stamp on governance.retention_policies;

        drop trigger forbid_agency_change on governance.retention_policies;

        drop trigger audit_update on governance.retention_policies;

        drop trigger audit_truncate on governance.retention_policies;

        drop trigger audit_insert on governance.retention_policies;

        drop trigger audit_delete on governance.retention_policies;

        drop trigger stamp on governance.erasure_requests;

        drop trigger forbid_agency_change on governance.erasure_requests;

        drop trigger audit_update on governance.erasure_requests;

        drop trigger audit_truncate on governance.erasure_requests;

        drop trigger audit_insert on governance.erasure_requests;

        drop trigger audit_delete on governance.erasure_requests;

        drop trigger stamp_deletion on crm.tags;

        drop trigger stamp on crm.tags;

        drop trigger forbid_agency_change on crm.tags;

        drop trigger audit_update on crm.tags;

        drop trigger audit_truncate on crm.tags;

        drop trigger audit_insert on crm.tags;

        drop trigger audit_delete on crm.tags;

        drop trigger stamp_deletion on crm.saved_views;

        drop trigger stamp on crm.saved_views;

        drop trigger forbid_hidden_links on crm.saved_views;

        drop trigger forbid_agency_change on crm.saved_views;

        drop trigger default_owner on crm.saved_views;

        drop trigger audit_update on crm.saved_views;

        drop trigger audit_truncate on crm.saved_views;

        drop trigger audit_insert on crm.saved_views;

        drop trigger audit_delete on crm.saved_views;

        drop trigger stamp on crm.record_tags;

        drop trigger forbid_hidden_links on crm.record_tags;

        drop trigger forbid_agency_change on crm.record_tags;

        drop trigger audit_update on crm.record_tags;

        drop trigger audit_truncate on crm.record_tags;

        drop trigger audit_insert on crm.record_tags;

        drop trigger audit_delete on crm.record_tags;

        drop trigger stamp_deletion on crm.products;

        drop trigger stamp on crm.products;

        drop trigger forbid_agency_change on crm.products;

        drop trigger audit_update on crm.products;

        drop trigger audit_truncate on crm.products;

        drop trigger audit_insert on crm.products;

        drop trigger audit_delete on crm.products;

        drop trigger stamp_deletion on crm.pipelines;

        drop trigger stamp on crm.pipelines;

        drop trigger forbid_agency_change on crm.pipelines;

        drop trigger audit_update on crm.pipelines;

        drop trigger audit_truncate on crm.pipelines;

        drop trigger audit_insert on crm.pipelines;

        drop trigger audit_delete on crm.pipelines;

        drop policy "triggers look stages up and lock them" on crm.pipeline_stages;

        revoke select on table crm.pipeline_stages from gardenos_crm_writer cascade;

        drop trigger stamp on crm.pipeline_stages;

        drop trigger guard on crm.pipeline_stages;

        drop trigger forbid_removal on crm.pipeline_stages;

        drop trigger forbid_hidden_links on crm.pipeline_stages;

        drop trigger forbid_agency_change on crm.pipeline_stages;

        drop trigger audit_update on crm.pipeline_stages;

        drop trigger audit_truncate on crm.pipeline_stages;

        drop trigger audit_insert on crm.pipeline_stages;

        drop trigger audit_delete on crm.pipeline_stages;

        drop policy "triggers list who takes part" on crm.participants;

        revoke select on table crm.participants from gardenos_crm_writer cascade;

        drop trigger stamp on crm.participants;

        drop trigger note on crm.participants;

        drop trigger keep_definition on crm.participants;

        drop trigger forbid_hidden_links on crm.participants;

        drop trigger forbid_agency_change on crm.participants;

        drop trigger audit_update on crm.participants;

        drop trigger audit_truncate on crm.participants;

        drop trigger audit_insert on crm.participants;

        drop trigger audit_delete on crm.participants;

        drop trigger stamp_deletion on crm.messages;

        drop trigger stamp on crm.messages;

        drop trigger note_update on crm.messages;

        drop trigger note on crm.messages;

        drop trigger guard_agent on crm.messages;

        drop trigger guard on crm.messages;

        drop trigger forbid_agency_change on crm.messages;

        drop trigger audit_update on crm.messages;

        drop trigger audit_truncate on crm.messages;

        drop trigger audit_insert on crm.messages;

        drop trigger audit_delete on crm.messages;

        drop trigger stamp on crm.merge_records;

        drop trigger keep_definition on crm.merge_records;

        drop trigger forbid_agency_change on crm.merge_records;

        drop trigger audit_update on crm.merge_records;

        drop trigger audit_truncate on crm.merge_records;

        drop trigger audit_insert on crm.merge_records;

        drop trigger audit_delete on crm.merge_records;

        drop policy "triggers look values up" on crm.lookup_values;

        revoke select on table crm.lookup_values from gardenos_crm_writer cascade;

        drop trigger stamp on crm.lookup_values;

        drop trigger keep_definition on crm.lookup_values;

        drop trigger forbid_agency_change on crm.lookup_values;

        drop trigger audit_update on crm.lookup_values;

        drop trigger audit_truncate on crm.lookup_values;

        drop trigger audit_insert on crm.lookup_values;

        drop trigger audit_delete on crm.lookup_values;

        drop trigger stamp_deletion on crm.files;

        drop trigger stamp on crm.files;

        drop trigger guard_agent on crm.files;

        drop trigger forbid_agency_change on crm.files;

        drop trigger default_owner on crm.files;

        drop trigger audit_update on crm.files;

        drop trigger audit_truncate on crm.files;

        drop trigger audit_insert on crm.files;

        drop trigger audit_delete on crm.files;

        drop policy "triggers total the lines" on crm.deals;

        revoke select on table crm.deals from gardenos_crm_writer cascade;

        drop trigger stamp_deletion on crm.deals;

        drop trigger stamp on crm.deals;

        drop trigger place_update on crm.deals;

        drop trigger place on crm.deals;

        drop trigger note_stage_update on crm.deals;

        drop trigger note_stage on crm.deals;

        drop trigger keep_amount on crm.deals;

        drop trigger guard_agent on crm.deals;

        drop trigger forbid_hidden_links on crm.deals;

        drop trigger forbid_agency_change on crm.deals;

        drop trigger default_team on crm.deals;

        drop trigger default_owner on crm.deals;

        drop trigger check_lookups on crm.deals;

        drop trigger check_custom_update on crm.deals;

        drop trigger check_custom on crm.deals;

        drop trigger audit_update on crm.deals;

        drop trigger audit_truncate on crm.deals;

        drop trigger audit_insert on crm.deals;

        drop trigger audit_delete on crm.deals;

        drop policy "triggers write the history" on crm.deal_stage_history;

        revoke select, insert on table crm.deal_stage_history from gardenos_crm_writer cascade;

        drop trigger forbid_change on crm.deal_stage_history;

        drop policy "triggers total the lines" on crm.deal_line_items;

        revoke select on table crm.deal_line_items from gardenos_crm_writer cascade;

        drop trigger total_update on crm.deal_line_items;

        drop trigger total_insert on crm.deal_line_items;

        drop trigger total_delete on crm.deal_line_items;

        drop trigger stamp on crm.deal_line_items;

        drop trigger keep_definition on crm.deal_line_items;

        drop trigger forbid_hidden_links on crm.deal_line_items;

        drop trigger forbid_agency_change on crm.deal_line_items;

        drop trigger audit_update on crm.deal_line_items;

        drop trigger audit_truncate on crm.deal_line_items;

        drop trigger audit_insert on crm.deal_line_items;

        drop trigger audit_delete on crm.deal_line_items;

        drop trigger stamp on crm.deal_contacts;

        drop trigger forbid_hidden_links on crm.deal_contacts;

        drop trigger forbid_agency_change on crm.deal_contacts;

        drop trigger audit_update on crm.deal_contacts;

        drop trigger audit_truncate on crm.deal_contacts;

        drop trigger audit_insert on crm.deal_contacts;

        drop trigger audit_delete on crm.deal_contacts;

        drop policy "triggers look definitions up" on crm.custom_field_defs;

        revoke select on table crm.custom_field_defs from gardenos_crm_writer cascade;

        drop trigger stamp on crm.custom_field_defs;

        drop trigger keep_definition on crm.custom_field_defs;

        drop trigger forbid_removal on crm.custom_field_defs;

        drop trigger forbid_agency_change on crm.custom_field_defs;

        drop trigger check_options on crm.custom_field_defs;

        drop trigger audit_update on crm.custom_field_defs;

        drop trigger audit_truncate on crm.custom_field_defs;

        drop trigger audit_insert on crm.custom_field_defs;

        drop trigger audit_delete on crm.custom_field_defs;

        drop policy "triggers note who takes part and when something was said" on crm.conversations;

        revoke select on table crm.conversations from gardenos_crm_writer cascade;

        drop trigger stamp_deletion on crm.conversations;

        drop trigger stamp on crm.conversations;

        drop trigger keep_participants on crm.conversations;

        drop trigger guard_agent on crm.conversations;

        drop trigger forbid_hidden_links on crm.conversations;

        drop trigger forbid_agency_change on crm.conversations;

        drop trigger default_team on crm.conversations;

        drop trigger default_owner on crm.conversations;

        drop trigger audit_update on crm.conversations;

        drop trigger audit_truncate on crm.conversations;

        drop trigger audit_insert on crm.conversations;

        drop trigger audit_delete on crm.conversations;

        drop trigger stamp_deletion on crm.contacts;

        drop trigger stamp on crm.contacts;

        drop trigger guard_anonymised on crm.contacts;

        drop trigger guard_agent on crm.contacts;

        drop trigger forbid_hidden_links on crm.contacts;

        drop trigger forbid_agency_change on crm.contacts;

        drop trigger delete_points on crm.contacts;

        drop trigger default_team on crm.contacts;

        drop trigger default_owner on crm.contacts;

        drop trigger check_lookups on crm.contacts;

        drop trigger check_custom_update on crm.contacts;

        drop trigger check_custom on crm.contacts;

        drop trigger audit_update on crm.contacts;

        drop trigger audit_truncate on crm.contacts;

        drop trigger audit_insert on crm.contacts;

        drop trigger audit_delete on crm.contacts;

        drop policy "triggers delete and restore addresses with their contact" on crm.contact_points;

        revoke select on table crm.contact_points from gardenos_crm_writer cascade;

        drop trigger stamp_deletion on crm.contact_points;

        drop trigger stamp on crm.contact_points;

        drop trigger guard_agent on crm.contact_points;

        drop trigger forbid_agency_change on crm.contact_points;

        drop trigger check_suppression on crm.contact_points;

        drop trigger audit_update on crm.contact_points;

        drop trigger audit_truncate on crm.contact_points;

        drop trigger audit_insert on crm.contact_points;

        drop trigger audit_delete on crm.contact_points;

        drop trigger stamp on crm.contact_companies;

        drop trigger forbid_hidden_links on crm.contact_companies;

        drop trigger forbid_agency_change on crm.contact_companies;

        drop trigger audit_update on crm.contact_companies;

        drop trigger audit_truncate on crm.contact_companies;

        drop trigger audit_insert on crm.contact_companies;

        drop trigger audit_delete on crm.contact_companies;

        drop trigger stamp on crm.consents;

        drop trigger guard on crm.consents;

        drop trigger forbid_change on crm.consents;

        drop trigger audit_update on crm.consents;

        drop trigger audit_truncate on crm.consents;

        drop trigger audit_insert on crm.consents;

        drop trigger audit_delete on crm.consents;

        drop trigger stamp_deletion on crm.companies;

        drop trigger stamp on crm.companies;

        drop trigger guard_agent on crm.companies;

        drop trigger forbid_hidden_links on crm.companies;

        drop trigger forbid_agency_change on crm.companies;

        drop trigger default_team on crm.companies;

        drop trigger default_owner on crm.companies;

        drop trigger check_lookups on crm.companies;

        drop trigger check_custom_update on crm.companies;

        drop trigger check_custom on crm.companies;

        drop trigger audit_update on crm.companies;

        drop trigger audit_truncate on crm.companies;

        drop trigger audit_insert on crm.companies;

        drop trigger audit_delete on crm.companies;

        drop policy "triggers note who takes part" on crm.calendar_events;

        revoke select on table crm.calendar_events from gardenos_crm_writer cascade;

        drop trigger stamp_deletion on crm.calendar_events;

        drop trigger stamp on crm.calendar_events;

        drop trigger keep_participants on crm.calendar_events;

        drop trigger guard_agent on crm.calendar_events;

        drop trigger forbid_hidden_links on crm.calendar_events;

        drop trigger forbid_agency_change on crm.calendar_events;

        drop trigger default_team on crm.calendar_events;

        drop trigger default_owner on crm.calendar_events;

        drop trigger audit_update on crm.calendar_events;

        drop trigger audit_truncate on crm.calendar_events;

        drop trigger audit_insert on crm.calendar_events;

        drop trigger audit_delete on crm.calendar_events;

        drop trigger stamp_deletion on crm.activities;

        drop trigger stamp on crm.activities;

        drop trigger guard_agent on crm.activities;

        drop trigger forbid_hidden_links on crm.activities;

        drop trigger forbid_agency_change on crm.activities;

        drop trigger default_team on crm.activities;

        drop trigger default_owner on crm.activities;

        drop trigger check_lookups on crm.activities;

        drop trigger audit_update on crm.activities;

        drop trigger audit_truncate on crm.activities;

        drop trigger audit_insert on crm.activities;

        drop trigger audit_delete on crm.activities;
        """
    )
