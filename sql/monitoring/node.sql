-- The node that answers. is_primary: 1 or 0; the sum over all nodes is 1. timeline: goes up by one with
-- each failover, equal on all nodes; it is read from the last checkpoint. replayed_seconds: on a standby,
-- the age of the last transaction replayed, on a primary 0; it grows while nothing is written, so look at
-- it together with replication's unreplayed_bytes. up_seconds: since the node started. transaction_age:
-- share of the ids before wraparound protection stops writes, 0 to 1; 0.5 is an alarm.
--
-- values: is_primary, timeline, replayed_seconds, up_seconds, transaction_age
select
    (not pg_is_in_recovery())::integer as is_primary,
    (select c.timeline_id from pg_catalog.pg_control_checkpoint() as c)::integer as timeline,
    case
        when pg_is_in_recovery()
            then coalesce(extract(epoch from now() - pg_last_xact_replay_timestamp()), 0)
        else 0
    end::double precision as replayed_seconds,
    extract(epoch from now() - pg_postmaster_start_time())::double precision as up_seconds,
    (
        select max(greatest(age(d.datfrozenxid), mxid_age(d.datminmxid))) / 2147483648.0
        from pg_catalog.pg_database as d
    )::double precision as transaction_age;
