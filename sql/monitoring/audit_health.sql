-- Sealing and verifying. rows_unsealed: of this month and the one before, counted up to 1 000 for each
-- agency; agencies_unsealed: how many agencies have some; unsealed_seconds: how old the oldest is, an alarm
-- above an hour. verified_seconds: the oldest last verification of an agency that wrote lately, or its
-- first row when there was none; an alarm above two days. agencies_broken: whose last verification found
-- tampering; never anything but 0.
--
-- values: agencies_unsealed, rows_unsealed, unsealed_seconds, verified_seconds, agencies_broken
select
    h.agencies_unsealed,
    h.rows_unsealed,
    h.unsealed_seconds,
    h.verified_seconds,
    h.agencies_broken
from audit.health() as h;
