-- Months of the audit trail. months_ahead: how many after this one have a partition; below 6 is an alarm,
-- -1 means that every audited write fails. rows_estimated: of all months, as ANALYZE last found them.
-- months_past: how many wait for retention. bytes: the trail on disk, with indexes.
--
-- values: months_ahead, months_past, rows_estimated, bytes
select
    audit.months_ahead() as months_ahead,
    count(*) filter (where m.month < date_trunc('month', now() at time zone 'UTC')) as months_past,
    sum(m.row_estimate) as rows_estimated,
    sum(m.bytes) as bytes
from audit.months() as m;
