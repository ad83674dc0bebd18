"""Show profiles

Reason:    people keep their own profile, and clients see themselves and the agency.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions.
"""

from migrations.runner.execute import execute

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- What everybody in an agency, clients included, sees of it: the name plate, and how to write times and
        -- money. Not plan, region or settings: clients have no cell on agencies, because row-level security cannot
        -- hide those columns.
        --
        -- SECURITY DEFINER, as the membership reader, for the agency of the caller's live membership alone.
        set local role gardenos_membership_reader;

        create or replace function app.agency_profile()
        returns table (
            agency_id uuid,
            slug text,
            name text,
            logo_path text,
            locale text,
            timezone text,
            default_currency text
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
            if not app.may(
                'tenancy.agencies:select',
                'owner', 'admin', 'manager', 'member', 'viewer', 'client', 'ai_agent'
            ) then
                return;
            end if;
            return query
                select
                    a.id,
                    a.slug::text,
                    a.name::text,
                    a.logo_path::text,
                    a.locale::text,
                    a.timezone::text,
                    a.default_currency::text
                  from tenancy.agencies as a
                 where a.id = proof.agency_id;
        end;
        $function$;

        revoke all on function app.agency_profile() from public;
        grant execute on function app.agency_profile() to
            authenticated;

        comment on function app.agency_profile() is
        'What everybody in the agency, clients included, sees of it; no row without a live membership.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What a client sees of itself: fixed columns of its contact, and its live addresses. Clients have no cell
        -- on contacts, because row-level security cannot hide the columns that are the agency's own business: owner,
        -- team, stage, source, custom fields.
        --
        -- SECURITY DEFINER, as the role of look-ups, for the caller's own contact alone. No row for anybody else; an
        -- agent has no cell here either, also not for the client.
        set local role gardenos_search;

        create or replace function app.portal_profile()
        returns table (
            contact_id uuid,
            full_name text,
            first_name text,
            last_name text,
            job_title text,
            locale text,
            timezone text,
            points jsonb
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            mine uuid := app.contact_id();
        begin
            if not app.may('crm.contacts:select', 'client') then
                return;
            end if;
            return query
                select
                    c.id,
                    c.full_name::text,
                    c.first_name::text,
                    c.last_name::text,
                    c.job_title::text,
                    c.locale::text,
                    c.timezone::text,
                    (
                        select coalesce(
                            jsonb_agg(
                                jsonb_build_object(
                                    'kind', p.kind,
                                    'label', p.label,
                                    'value', p.value,
                                    'is_primary', p.is_primary
                                )
                                order by p.kind, not p.is_primary, p.value
                            ),
                            '[]'
                        )
                          from crm.contact_points as p
                         where p.agency_id = c.agency_id
                           and p.contact_id = c.id
                           and p.deleted_at is null
                    )
                  from crm.contacts as c
                 where c.agency_id = proof.agency_id
                   and c.id = mine
                   and c.deleted_at is null;
        end;
        $function$;

        revoke all on function app.portal_profile() from public;
        grant execute on function app.portal_profile() to
            authenticated;

        comment on function app.portal_profile() is
        'What the client who is asking sees of itself; no row for anybody else.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What colleagues see of me, changed by me. Nothing else of the membership is mine to change, and the policy
        -- lets owners and admins alone write here. Null leaves a value, an empty text removes it.
        --
        -- SECURITY DEFINER: it touches the caller's own membership only, in the agency of the token. An agent has no
        -- profile of its own to keep.
        set local role gardenos_tenancy_writer;

        create or replace function app.update_my_profile(
            display_name text default null,
            job_title text default null,
            avatar_path text default null
        )
        returns tenancy.memberships
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            mine tenancy.memberships;
        begin
            if proof.membership_id is null or not app.may_as_myself('tenancy.memberships:update') then
                raise exception 'You have no profile here: you are not signed in to an agency as a person.'
                    using errcode = '42501';
            end if;
            if btrim(update_my_profile.display_name) = '' then
                raise exception 'A display name cannot be empty: colleagues know you by it.'
                    using errcode = '22023';
            end if;
            update tenancy.memberships as m
               set display_name = coalesce(btrim(update_my_profile.display_name), m.display_name),
                   job_title = nullif(btrim(coalesce(update_my_profile.job_title, m.job_title)), ''),
                   avatar_path = nullif(btrim(coalesce(update_my_profile.avatar_path, m.avatar_path)), '')
             where m.agency_id = proof.agency_id
               and m.id = proof.membership_id
            returning m.* into mine;
            return mine;
        end;
        $function$;

        revoke all on function app.update_my_profile(text, text, text) from public;
        grant execute on function app.update_my_profile(text, text, text) to
            authenticated;

        comment on function app.update_my_profile(text, text, text) is
        'Changes the caller''s own display name, job title and avatar; null leaves a value, empty removes it.';

        set local role gardenos_owner;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        set local role gardenos_tenancy_writer;

        drop function app.update_my_profile(display_name text, job_title text, avatar_path text);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.portal_profile();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        drop function app.agency_profile();

        set local role gardenos_owner;
        """
    )
