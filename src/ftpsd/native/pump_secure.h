/* The first stage of a pump whose TLS connection is not established yet: its handshake, and the proof of reuse.
 *
 * A small file is over in four turns of the network, so what lies between them is most of its cost. Where nobody has to
 * be asked between the proof and the first byte, the pump therefore goes from the handshake to the data by itself: only
 * when the proof is beyond doubt (`conn_proved`). In every other case, and where `proves` is NULL, it stops with
 * PUMP_SECURED: whoever runs it judges, and runs it again for the data. While `securing` is set a stop concerns the
 * handshake: PUMP_CONTROL (to be run again), PUMP_LATE, PUMP_HANDSHAKE, or PUMP_ABORTED. Whoever aborts also ends what
 * can be read of the control connection, so it is enough to watch that; only where nobody does, abort() has to wake us.
 */
#ifndef FTPSD_PUMP_SECURE_H
#define FTPSD_PUMP_SECURE_H

#include "pump_core.h"

static int pump_secure(struct pump *pump)
{
    struct io_call call = {0};
    int kind, beside = pump->control;

    if (beside < 0 && pump_wakeable(pump)) {
        beside = pump->wake;
        if (pump_is_aborted(pump))
            return PUMP_ABORTED;
    }
    kind = io_handshake_beside(pump->tls, beside, pump->secure_until, &call);
    pump->io_kind = kind;
    pump->error = call.error;
    switch (kind) {
    case IO_OK:
        break;
    case IO_BESIDE:
        return pump_is_aborted(pump) ? PUMP_ABORTED : PUMP_CONTROL;
    case IO_TIMEOUT:
        return PUMP_LATE;
    case IO_INTERRUPTED:
        return PUMP_INTERRUPTED;
    default:
        return PUMP_HANDSHAKE;
    }
    pump->securing = 0;
    return pump->proves != NULL && conn_proved(pump->tls, pump->proves) ? PUMP_GO : PUMP_SECURED;
}

#endif
