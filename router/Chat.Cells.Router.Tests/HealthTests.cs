using System.Net;
using System.Net.Sockets;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Tests;

public sealed class HealthTests
{
    private static readonly string Anna = RouterCluster.UserOf("eu-west-1");
    private static readonly string Bob = RouterCluster.UserOf("us-east-1");

    [Fact]
    public async Task Cell_ThatStops_IsUnavailableUntilItIsBack()
    {
        await using var cluster = await RouterCluster.StartAsync();
        await cluster.Cells["eu-west-1"].StopAsync();
        await Poll.UntilAsync(async () => !(await cluster.CellTableAsync())["eu-west-1"]);
        var answer = await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna));
        Assert.Equal((503, "cell_unavailable"), (answer.Status, answer.Code));
        Assert.Contains("Retry-After", answer.Headers.Keys);
        Assert.Equal(503, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync(cluster.TokenOf(Anna)))).Status);
        // One cell's failure touches only its own users.
        Assert.Equal(200, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Bob))).Status);

        await cluster.Cells["eu-west-1"].StartAsync();
        await Poll.UntilAsync(async () => (await cluster.CellTableAsync())["eu-west-1"]);
        Assert.Equal(200, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Socket_WhileItsCellRestarts_WaitsForIt(bool knownToBeDown)
    {
        await using var cluster = await RouterCluster.StartAsync(o => o with { Hold = TimeSpan.FromSeconds(30) });
        await cluster.Cells["eu-west-1"].StopAsync();
        if (knownToBeDown) await Poll.UntilAsync(async () => !(await cluster.CellTableAsync())["eu-west-1"]);

        var connecting = cluster.ConnectAsync(cluster.TokenOf(Anna));
        await Poll.UntilAsync(async () => !(await cluster.CellTableAsync())["eu-west-1"]);
        Assert.False(connecting.IsCompleted);
        // Another request is not held.
        Assert.Equal(503, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        await cluster.Cells["eu-west-1"].StartAsync();

        using var socket = await connecting;
        await Poll.UntilAsync(() => cluster.Cells["eu-west-1"].OpenSockets == 1);
    }

    [Fact]
    public async Task Socket_WhoseCellStaysAway_IsRefusedInTheEnd()
    {
        await using var cluster = await RouterCluster.StartAsync(o => o with { Hold = TimeSpan.FromMilliseconds(300) });
        await cluster.Cells["eu-west-1"].StopAsync();

        for (var i = 0; i < 3; i++) Assert.Equal(503, (await Assert.ThrowsAsync<RefusedSocketException>(() => cluster.ConnectAsync(cluster.TokenOf(Anna)))).Status);
    }

    [Fact]
    public async Task Socket_OfACellDownByTheMapOrWithoutAHold_IsRefusedAtOnce()
    {
        await using var patient = await RouterCluster.StartAsync(o => o with { Hold = TimeSpan.FromHours(1) });
        patient.WriteMap(c => c.Name == "eu-west-1" ? c with { State = CellState.Down } : c);
        await Poll.UntilAsync(async () => (await patient.GetAsync("/v1/me", patient.TokenOf(Anna))).Status == 503);
        Assert.Equal(503, (await Assert.ThrowsAsync<RefusedSocketException>(() => patient.ConnectAsync(patient.TokenOf(Anna)))).Status);

        await using var hasty = await RouterCluster.StartAsync(o => o with { Hold = TimeSpan.Zero, HealthInterval = TimeSpan.FromHours(1) });
        await hasty.Cells["eu-west-1"].StopAsync();
        Assert.Equal(503, (await Assert.ThrowsAsync<RefusedSocketException>(() => hasty.ConnectAsync(hasty.TokenOf(Anna)))).Status);
    }

    [Fact]
    public async Task Connect_Failure_TakesTheCellDownAtOnce()
    {
        // No active check will come in this test but the first.
        await using var cluster = await RouterCluster.StartAsync(o => o with { HealthInterval = TimeSpan.FromHours(1) });
        Assert.Equal(200, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        await cluster.Cells["eu-west-1"].StopAsync();
        Assert.True((await cluster.CellTableAsync())["eu-west-1"]);
        Assert.Equal(503, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        Assert.False((await cluster.CellTableAsync())["eu-west-1"]);
    }

    [Fact]
    public async Task Check_AnsweredBadly_TakesTheCellDownAndUp()
    {
        await using var cluster = await RouterCluster.StartAsync();
        cluster.Cells["us-east-1"].Healthy = false;
        await Poll.UntilAsync(async () => !(await cluster.CellTableAsync())["us-east-1"]);
        cluster.Cells["us-east-1"].Healthy = true;
        await Poll.UntilAsync(async () => (await cluster.CellTableAsync())["us-east-1"]);
    }

    [Fact]
    public async Task SignUp_AvoidsACellThatIsDown()
    {
        await using var cluster = await RouterCluster.StartAsync();
        var version = cluster.WriteMap(c => c with { Weight = 100 });
        await Poll.UntilAsync(async () => await cluster.MapVersionAsync() == version);
        await cluster.Cells["eu-west-1"].StopAsync();
        await Poll.UntilAsync(async () => !(await cluster.CellTableAsync())["eu-west-1"]);
        for (var i = 0; i < 20; i++) Assert.StartsWith("eu-west-2", (await cluster.SendAsync(HttpMethod.Post, "/v1/regions/eu-west/accounts")).Body, StringComparison.Ordinal);
        await cluster.Cells["eu-west-2"].StopAsync();
        await Poll.UntilAsync(async () => (await cluster.SendAsync(HttpMethod.Post, "/v1/regions/eu-west/accounts")).Status == 503);
    }

    [Fact]
    public async Task Cell_DownByTheMap_IsUnavailable()
    {
        await using var cluster = await RouterCluster.StartAsync();
        cluster.WriteMap(c => c.Name == "eu-west-1" ? c with { State = CellState.Down } : c);
        await Poll.UntilAsync(async () => (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status == 503);
        Assert.False((await cluster.CellTableAsync())["eu-west-1"]);
    }

    [Fact]
    public async Task Cell_AtANewAddress_IsUsedAtOnce()
    {
        await using var cluster = await RouterCluster.StartAsync(o => o with { HealthInterval = TimeSpan.FromHours(1) });
        await cluster.Cells["eu-west-1"].StopAsync();
        Assert.Equal(503, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        await using var moved = new FakeCell("moved");
        await moved.StartAsync();
        var version = cluster.WriteMap(c => c.Name == "eu-west-1" ? c with { Endpoints = c.Endpoints with { Public = moved.Url } } : c);
        await Poll.UntilAsync(async () => await cluster.MapVersionAsync() == version);
        Assert.StartsWith("moved", (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connect_ResetAtOnce_TakesTheCellDownAtOnce()
    {
        // No active check will come in this test but the first.
        await using var cluster = await RouterCluster.StartAsync(o => o with { HealthInterval = TimeSpan.FromHours(1), Hold = TimeSpan.Zero });
        using var stop = new CancellationTokenSource();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var resetting = Task.Run(async () =>
        {
            while (true)
            {
                using var socket = await listener.AcceptSocketAsync(stop.Token);
                socket.LingerState = new LingerOption(true, 0);
            }
        });
        var version = cluster.WriteMap(c => c.Name == "eu-west-1" ? c with { Endpoints = c.Endpoints with { Public = new Uri($"http://{listener.LocalEndpoint}") } } : c);
        await Poll.UntilAsync(async () => await cluster.MapVersionAsync() == version);
        await Poll.UntilAsync(async () =>
        {
            Assert.Equal(503, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
            return !(await cluster.CellTableAsync())["eu-west-1"];
        });
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => resetting);
    }

    [Fact]
    public async Task Cell_ResetsEveryConnection_IsDownAndTheChecksGoOn()
    {
        await using var cluster = await RouterCluster.StartAsync(o => o with { HealthInterval = TimeSpan.FromMilliseconds(20) });
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var version = cluster.WriteMap(c => c.Name == "eu-west-1" ? c with { Endpoints = c.Endpoints with { Public = new Uri($"http://{listener.LocalEndpoint}") } } : c);
        await Poll.UntilAsync(async () => await cluster.MapVersionAsync() == version);
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        for (var i = 0; i < 200; i++)
        {
            using var socket = await listener.AcceptSocketAsync(limit.Token);
            socket.LingerState = new LingerOption(true, 0);
        }
        Assert.False((await cluster.CellTableAsync())["eu-west-1"]);
        listener.Stop();
        cluster.WriteMap();
        await Poll.UntilAsync(async () => (await cluster.CellTableAsync())["eu-west-1"]);
    }

    [Fact]
    public async Task Restart_WithoutTheMapFile_RoutesFromTheCopy()
    {
        await using var cluster = await RouterCluster.StartAsync();
        File.Delete(cluster.MapPath);
        Assert.Equal(200, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        await cluster.StopRouterAsync();
        await cluster.StartRouterAsync();
        Assert.Equal(200, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        using var socket = await cluster.ConnectAsync(ticket: $"{Bob}.secret");
        Assert.Equal(1, await cluster.MapVersionAsync());
    }

    [Fact]
    public async Task Start_WithoutAnyMap_WaitsForOne()
    {
        await using var cluster = await RouterCluster.StartAsync(writeMap: false);
        using var http = new HttpClient { BaseAddress = cluster.Router.InternalUrl };
        Assert.Equal(503, (int)(await http.GetAsync("/readyz")).StatusCode);
        Assert.Equal(200, (int)(await http.GetAsync("/healthz")).StatusCode);
        Assert.Equal(503, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
        Assert.Equal(503, (await cluster.GetAsync("/v1/cells")).Status);
        cluster.WriteMap();
        await Poll.UntilAsync(async () => (await http.GetAsync("/readyz")).IsSuccessStatusCode);
        Assert.Equal(200, (await cluster.GetAsync("/v1/me", cluster.TokenOf(Anna))).Status);
    }
}
