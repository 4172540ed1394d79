using System.Diagnostics;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Presence;

namespace Chat.Cells.Cell.Tests.Engines.Redis;

/// <summary>
/// A status over two gateways whose ticks are minutes apart: what is shown meanwhile was passed on when it changed. How fast is printed and not asserted, for tests share their machine.
/// </summary>
public sealed class RedisPresencePushTests(Xunit.Abstractions.ITestOutputHelper output) : TwoGatewaysTest
{
    private protected override CellOptions Configure(CellOptions options) =>
        options with { TickInterval = TimeSpan.FromMinutes(5), RegistrationLife = TimeSpan.FromMinutes(20) };

    [Fact]
    public async Task Presence_ChangedOnTheOtherServer_IsShownWithoutWaitingForATick()
    {
        await using var viewer = await First.ConnectAsync(Anna);
        await using var device = await Second.ConnectAsync(Bob);
        await viewer.SubscribeAsync(Bob.UserId);
        await viewer.SeesAsync(Bob.UserId, "online", "desktop");

        var took = new List<double>();
        for (var i = 0; i < 12; i++)
        {
            await Task.Delay(1_050); // a user's changes are told at most once a second
            var began = Stopwatch.GetTimestamp();
            var status = i % 2 == 0 ? "away" : "online";
            await device.SendAsync("heartbeat", new { status });
            await viewer.SeesAsync(Bob.UserId, status, "desktop");
            took.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }

        output.WriteLine($"ms: {string.Join(", ", took.Order().Select(t => $"{t:0.0}"))}");
        using var metrics = await First.SendAsync(HttpMethod.Get, First.Internal, "/metrics", null);
        var text = await metrics.Content.ReadAsStringAsync();
        Assert.Contains("presence_updates_total{", text, StringComparison.Ordinal);
        Assert.Contains("presence_update_seconds_bucket", text, StringComparison.Ordinal);
    }
}
