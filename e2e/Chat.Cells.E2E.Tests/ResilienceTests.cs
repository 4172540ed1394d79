using Chat.Cells.E2E.Tests.Clusters;
using Chat.Cells.History.Checking;
using Chat.Cells.History.Recording;
using Chat.Cells.Load.Measure;
using Chat.Cells.Load.Smoke;
using Chat.Cells.Load.World;
using static Chat.Cells.E2E.Tests.Clusters.ClusterFixture;

namespace Chat.Cells.E2E.Tests;

[Collection(ClusterCollection.Name)]
public sealed class ResilienceTests(ClusterFixture cluster)
{
    private static readonly WorldOptions SmallWorld = new(Users: 12, SecondDeviceEvery: 3, ThirdDeviceEvery: 0, DirectPerUser: 2, Groups: 3, GroupSize: 5);

    [Fact]
    public async Task People_TalkAcrossCells_HistoryIsGood() => Assert.Equal(0, (await TalkAsync(kill: null)).Refused);

    [KillFact]
    public async Task CellServer_KilledUnderLoad_HistoryIsGood() => await TalkAsync("cell");

    [KillFact]
    public async Task Bridge_KilledUnderLoad_HistoryIsGood() => await TalkAsync("bridge");

    [LocalClusterFact]
    public async Task OperatorAndApiServer_Stopped_PeopleGoOnAndNewOnesLogIn()
    {
        await using var anna = await cluster.NewUserAsync(cluster.Regions.First);
        await using var ben = await cluster.NewUserAsync(cluster.Regions.Second);
        var channel = (await anna.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
        var stopped = cluster.Cluster!.Find("operator").Concat(cluster.Cluster.Find("apiserver")).ToArray();
        Assert.True(stopped.Length >= 2, "The operator and the API server run.");
        foreach (var process in stopped) Assert.True(process.Pause());
        try
        {
            Assert.True((await anna.SendAsync(channel, "still here", null, default).WaitAsync(TimeSpan.FromSeconds(30))).IsAccepted);
            await ShowsAsync(ben, channel, "still here");
            await using var laptop = await LiveAsync(cluster.NewClient(await cluster.LogInAsync(ben.Session.Handle)));
            await ShowsAsync(laptop, channel, "still here");
            await using var cleo = await cluster.NewUserAsync(cluster.Regions.First);
            var other = (await cleo.Api.CreateDirectAsync(ben.UserId, default)).ChannelId;
            Assert.True((await cleo.SendAsync(other, "I am new", null, default).WaitAsync(TimeSpan.FromSeconds(30))).IsAccepted);
            await ShowsAsync(laptop, other, "I am new");
        }
        finally
        {
            foreach (var process in stopped) process.Resume();
        }
    }

    /// <summary>A small run like smoke's; with a kill in the middle when asked.</summary>
    private async Task<CheckReport> TalkAsync(string? kill)
    {
        var path = Path.Combine(Path.GetTempPath(), $"chat-cells-{Guid.NewGuid():N}.jsonl");
        try
        {
            using var recorder = HistoryRecorder.ToFile(path);
            var progress = new Progress("e2e", TextWriter.Null, TimeProvider.System);
            var tracker = new DeliveryTracker(TimeProvider.System);
            var random = new Random(11);
            await using (var world = await RunWorld.CreateAsync(cluster.Router, SmallWorld, random, tracker, recorder, progress, CancellationToken.None))
            {
                var pacer = new Pacer(world, random);
                await pacer.SendAsync(150, 50, TimeProvider.System, CancellationToken.None);
                if (kill is not null) await new Kill(cluster.Cluster!, world, pacer, random, TimeProvider.System, progress).RunAsync(kill, CancellationToken.None);
                await pacer.SendAsync(50, 50, TimeProvider.System, CancellationToken.None);
                await Poll.UntilAsync(() => tracker.Open == 0, "everything is delivered");
                foreach (var device in world.Devices) device.Recorder!.WriteFinal(device.Client);
                foreach (var channel in world.Conversations)
                {
                    foreach (var reader in channel.Members.DistinctBy(m => m.Cell))
                    {
                        await reader.Devices[0].Recorder!.WriteHistoryAsync(reader.Devices[0].Client, channel.ChannelId, CancellationToken.None);
                    }
                }
            }
            recorder.Flush();
            var report = HistoryChecker.Check(HistoryRecorder.Read(path));
            Assert.True(report.Passed, report.ToString());
            Assert.True(report.Acked >= 200, report.ToString());
            return report;
        }
        finally
        {
            File.Delete(path);
        }
    }
}
