"""Create the types of the tenancy core

Reason:    domains and enums that the tables and functions of the tenancy core are made of.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the types; nothing is lost, no table uses them yet.
"""

from migrations.runner.execute import execute

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create domain app.label as text
            constraint label_length check (length(btrim(value)) between 1 and 200);

        create domain app.line as text
            constraint line_length check (length(value) <= 1000);

        create domain app.slug as text
            constraint slug_form check (value ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$');

        create domain app.email as text
            constraint email_form check (
                value = lower(value)
                and length(value) <= 254
                and value ~ '^[^@\s]+@[^@\s]+\.[^@\s]+$'
            );

        create domain app.currency as char(3)
            constraint currency_form check (value ~ '^[A-Z]{3}$');

        create domain app.sha256 as bytea
            constraint sha256_length check (octet_length(value) = 32);

        create domain app.json_object as jsonb
            constraint json_object_form check (
                jsonb_typeof(value) = 'object'
                and octet_length(value::text) <= 16384
            );

        create type app.agency_role as enum (
            'owner',
            'admin',
            'manager',
            'member',
            'viewer',
            'client',
            'ai_agent'
        );

        create type app.record_scope as enum (
            'own',
            'team',
            'all'
        );

        create type app.agency_status as enum (
            'active',
            'suspended',
            'closing'
        );

        create type app.user_status as enum (
            'active',
            'disabled',
            'erased'
        );

        create type app.user_kind as enum (
            'person',
            'agent'
        );

        create type app.member_status as enum (
            'active',
            'suspended',
            'removed'
        );

        comment on domain app.label is 'A short name: 1 to 200 characters, not blank.';
        comment on domain app.line is 'One line of text, up to 1 000 characters.';
        comment on domain app.slug is 'A name for URLs: lower case letters, digits and inner hyphens, up to 63.';
        comment on domain app.email is 'An e-mail address in lower case. No citext: it goes wrong without a search_path.';
        comment on domain app.currency is 'A currency as in ISO 4217.';
        comment on domain app.sha256 is 'A SHA-256 hash, 32 bytes.';
        comment on domain app.json_object is 'A JSON object of at most 16 kB.';
        comment on type app.agency_role is 'What a member is in the agency. ai_agent stands outside the order of the others.';
        comment on type app.record_scope is 'How far a member sees where the permission matrix says "scope".';
        comment on type app.agency_status is 'Any other status than active stops every claim of the agency at once.';
        comment on type app.user_status is 'Any other status than active stops every claim of the user at once.';
        comment on type app.user_kind is 'A person, or an agent, which is a user too.';
        comment on type app.member_status is 'Any other status than active ends the access of the member at once.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop type app.member_status;
        drop type app.user_kind;
        drop type app.user_status;
        drop type app.agency_status;
        drop type app.record_scope;
        drop type app.agency_role;
        drop domain app.json_object;
        drop domain app.sha256;
        drop domain app.currency;
        drop domain app.email;
        drop domain app.slug;
        drop domain app.line;
        drop domain app.label;
        """
    )
