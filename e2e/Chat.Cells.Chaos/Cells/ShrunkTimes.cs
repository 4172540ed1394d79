using Chat.Cells.Cell.Hosting;
using Chat.Cells.Client;

namespace Chat.Cells.Chaos.Cells;

/// <summary>
/// Times that are shorter than in production, so that hundreds of faults fit into minutes. The recoveries of scenarios that run with them say that nothing hangs, not
/// how long production takes.
/// </summary>
public static class ShrunkTimes
{
    public static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(500);

    public static CellOptions Of(CellOptions options) => options with
    {
        TickInterval = Tick,
        VerdictTimeout = TimeSpan.FromSeconds(2),
        DrainTimeout = TimeSpan.FromSeconds(1),
        CloseTimeout = TimeSpan.FromMilliseconds(200),
        PasswordIterations = 1,
        MessagesPerMinute = 0,
    };

    public static ChatClientOptions Of(ChatClientOptions options) => options with
    {
        ReconnectBase = TimeSpan.FromMilliseconds(50),
        ReconnectCap = TimeSpan.FromSeconds(1),
        AckTimeout = TimeSpan.FromSeconds(2),
        DefaultRetryAfter = TimeSpan.FromMilliseconds(100),
        ServerSilence = TimeSpan.FromSeconds(5),
        ConnectTimeout = TimeSpan.FromSeconds(3),
        HeartbeatInterval = TimeSpan.FromSeconds(1),
    };
}
