"""Create the keys of sealed sessions

Reason:    a service login of ours proves with a key that its own code chose the claims;
           injected SQL has no such key.
Locks:     AccessExclusive on the new table only.
Duration:  milliseconds.
Way back:  drops the keys: services must be given new ones after the next upgrade.
"""

from migrations.runner.execute import execute

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create table migration.seal_keys (
            id uuid not null default app.uuid_v7(),
            login text not null,
            inner_key bytea not null,
            outer_key bytea not null,
            created_at timestamptz not null default now(),
            expires_at timestamptz,
            constraint seal_keys_pkey primary key (id),
            constraint seal_keys_inner_key_length check (octet_length(inner_key) = 64),
            constraint seal_keys_outer_key_length check (octet_length(outer_key) = 64)
        );

        create unique index seal_keys_login_key
            on migration.seal_keys (login)
            where expires_at is null;

        comment on table migration.seal_keys is 'The keys of sealed sessions: of each service login, and of the seals.';
        comment on column migration.seal_keys.id is 'The id of the key.';
        comment on column migration.seal_keys.login is 'The login that signs with it, or "database" for the key of the seals.';
        comment on column migration.seal_keys.inner_key is 'The key, padded and XORed with hex 36: the inner half of HMAC-SHA256.';
        comment on column migration.seal_keys.outer_key is 'The key, padded and XORed with hex 5c: the outer half of HMAC-SHA256.';
        comment on column migration.seal_keys.created_at is 'When it was made.';
        comment on column migration.seal_keys.expires_at is 'Until when an older key is accepted; null for the key in use.';
        """
    )
    execute(
        r"""
        -- The keys of sealed sessions. Schema migration needs no row-level security, but these rows are secrets:
        -- only the sealer, which owns the functions that use them, reads or writes them. Not even the owner of the
        -- table does.
        alter table migration.seal_keys enable row level security;
        alter table migration.seal_keys force row level security;

        create policy "the sealer keeps the keys"
        on migration.seal_keys
        as permissive
        for all
        to gardenos_sealer
        using (true)
        with check (true);

        grant select, insert, update, delete on table migration.seal_keys to gardenos_sealer;
        """
    )
    execute(
        r"""
        set local role gardenos_sealer;

        select app.rotate_seal_key('database');

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table migration.seal_keys;
        """
    )
