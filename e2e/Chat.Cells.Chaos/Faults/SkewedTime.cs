namespace Chat.Cells.Chaos.Faults;

/// <summary>A clock that is off by a fixed time. Durations and timers are right, as on a machine whose clock was set wrongly.</summary>
public sealed class SkewedTime(TimeSpan off) : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + off;
}
