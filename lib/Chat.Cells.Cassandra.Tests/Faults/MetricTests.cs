using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Cassandra.Tests.Faults;

public sealed class MetricTests : FaultTest
{
    [Theory]
    [InlineData("INSERT INTO k.t (a) VALUES (1)", "write")]
    [InlineData("SELECT 1", "read")]
    public async Task Execute_NotAnsweredInTime_CountsInTheTimesAsLongAsItWasWaitedFor(string cql, string kind)
    {
        var waited = TimeSpan.FromMilliseconds(500);
        // Other tests measure at the same time: what this one's statement causes carries its context.
        var own = new AsyncLocal<bool>();
        var times = new ConcurrentQueue<(double Seconds, string? Kind)>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == "Chat.Cells.Cassandra" && instrument.Name == "cassandra.request") l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<double>((_, seconds, tags, _) =>
        {
            foreach (var (key, value) in tags)
            {
                if (own.Value && key == "kind") times.Enqueue((seconds, (string?)value));
            }
        });
        listener.Start();
        await using var server = NewServer();
        server.OnStatement = _ => Task.FromResult(Reply.Silence);
        var (cluster, session) = await ConnectAsync(Options(server));
        await using var c = cluster;

        own.Value = true;
        await Assert.ThrowsAnyAsync<DriverException>(() => session.ExecuteAsync(new SimpleStatement(cql).SetTimeout(waited)));

        var (took, ofKind) = Assert.Single(times);
        Assert.Equal(kind, ofKind);
        Assert.InRange(took, waited.TotalSeconds * 0.9, 30);
    }
}
