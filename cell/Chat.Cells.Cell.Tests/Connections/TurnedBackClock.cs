namespace Chat.Cells.Cell.Tests.Connections;

/// <summary>Time that goes on only when told to, and a wall clock that can be set apart from it.</summary>
internal sealed class TurnedBackClock : TimeProvider
{
    private TimeSpan passed = TimeSpan.FromDays(1);

    /// <summary>How far the wall clock was set, against what has passed.</summary>
    public TimeSpan Shift { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Pass(TimeSpan time) => passed += time;

    public override long GetTimestamp() => passed.Ticks;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch + TimeSpan.FromDays(20_000) + passed + Shift;
}
