"""Keep the secrets of webhooks

Reason:    a secret that was replaced goes on signing for a while, and the key that secrets are made
           of must be there before the first webhook is.
Locks:     AccessExclusive on integration.webhook_secrets, for an instant.
Duration:  milliseconds.
Way back:  drops the key and the names of replaced secrets: webhooks made since must be made again.
"""

from migrations.runner.execute import execute

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        alter table integration.webhook_secrets
            add column previous_ref app.label,
            add column previous_until timestamptz;

        comment on column integration.webhook_secrets.previous_ref is 'not personal: The name of the secret before, which still signs.';
        comment on column integration.webhook_secrets.previous_until is 'Until when it does.';

        set local role gardenos_sealer;

        insert into migration.seal_keys (login, inner_key, outer_key)
        select 'webhooks', app.padded_key(k.value, 54), app.padded_key(k.value, 92)
          from (
              select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
          ) as k (value);

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        set local role gardenos_sealer;

        delete from migration.seal_keys
         where login = 'webhooks';

        set local role gardenos_owner;

        alter table integration.webhook_secrets
            drop column previous_ref,
            drop column previous_until;
        """
    )
