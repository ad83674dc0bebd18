"""Let merges reach records and all that hangs on them

Reason:    a merge moves every child, whether or not the person who merges sees it: its role reads the
           tables and writes the columns that point to a contact or a company, and nothing else.
Locks:     AccessExclusive on each table of crm and integration that has such a column.
Duration:  milliseconds.
Way back:  takes the policies and grants away: merging fails, no row is lost.
"""

from migrations.runner.execute import execute

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table crm.activities to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.activities
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.calendar_events to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.calendar_events
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges read and write both records"
        on crm.companies
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.consents to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges read consents"
        on crm.consents
        as permissive
        for select
        to gardenos_merger
        using (
            true
        );
        """
    )
    execute(
        r"""
        grant select, insert, delete on table crm.contact_companies to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.contact_companies
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.contact_points to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.contact_points
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges read and write both records"
        on crm.contacts
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.conversations to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.conversations
        as permissive
        for all
        to gardenos_merger
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
        grant select, insert, delete on table crm.deal_contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.deal_contacts
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.deals to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.deals
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.files to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.files
        as permissive
        for all
        to gardenos_merger
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
        grant select, insert on table crm.merge_records to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges are written down"
        on crm.merge_records
        as permissive
        for all
        to gardenos_merger
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
        grant select on table crm.messages to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.messages
        as permissive
        for all
        to gardenos_merger
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
        grant select, insert, delete on table crm.participants to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.participants
        as permissive
        for all
        to gardenos_merger
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
        grant select, insert, delete on table crm.record_tags to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.record_tags
        as permissive
        for all
        to gardenos_merger
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
        grant select on table integration.import_rows to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on integration.import_rows
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "merges move what hangs on a record" on integration.import_rows;
        """
    )
    execute(
        r"""
        revoke select on table integration.import_rows from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.record_tags;
        """
    )
    execute(
        r"""
        revoke select, insert, delete on table crm.record_tags from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.participants;
        """
    )
    execute(
        r"""
        revoke select, insert, delete on table crm.participants from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.messages;
        """
    )
    execute(
        r"""
        revoke select on table crm.messages from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges are written down" on crm.merge_records;
        """
    )
    execute(
        r"""
        revoke select, insert on table crm.merge_records from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.files;
        """
    )
    execute(
        r"""
        revoke select on table crm.files from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.deals;
        """
    )
    execute(
        r"""
        revoke select on table crm.deals from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.deal_contacts;
        """
    )
    execute(
        r"""
        revoke select, insert, delete on table crm.deal_contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.conversations;
        """
    )
    execute(
        r"""
        revoke select on table crm.conversations from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges read and write both records" on crm.contacts;
        """
    )
    execute(
        r"""
        revoke select on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.contact_points;
        """
    )
    execute(
        r"""
        revoke select on table crm.contact_points from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.contact_companies;
        """
    )
    execute(
        r"""
        revoke select, insert, delete on table crm.contact_companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges read consents" on crm.consents;
        """
    )
    execute(
        r"""
        revoke select on table crm.consents from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges read and write both records" on crm.companies;
        """
    )
    execute(
        r"""
        revoke select on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.calendar_events;
        """
    )
    execute(
        r"""
        revoke select on table crm.calendar_events from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.activities;
        """
    )
    execute(
        r"""
        revoke select on table crm.activities from gardenos_merger cascade;
        """
    )
