using System.Globalization;
using System.Net;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Bench.Report;

namespace Chat.Cells.Bench.Servers;

/// <summary>The bare broadcaster in a process of its own.</summary>
internal sealed class BareWorld : IServerWorld
{
    // As long as a real access token, so that a request has the same size.
    private static readonly string Token = new('t', 400);

    public BareWorld(string folder)
    {
        Directory.CreateDirectory(folder);
        Clients = new IPEndPoint(IPAddress.Loopback, CellWorld.FreePort());
        Process = new ServerProcess(
            "the bare broadcaster",
            [Path.Combine(AppContext.BaseDirectory, "Chat.Cells.Bench.dll"), "bare", Clients.Port.ToString(CultureInfo.InvariantCulture)],
            // What the cell's own configuration sets too.
            new Dictionary<string, string> { ["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "0" },
            Path.Combine(folder, "bare.log"));
    }

    public string Label => BenchReport.Bare;

    public IPEndPoint Clients { get; }

    public ServerProcess Process { get; }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        Process.Start();
        await Process.WaitUntilReadyAsync(new Uri($"http://{Clients}/"), cancellationToken);
    }

    public IReadOnlyList<Connection> Connections(int count) => [.. Enumerable.Range(0, count).Select(i => Member(i, string.Create(CultureInfo.InvariantCulture, $"alone-{i}")))];

    public Task<IReadOnlyList<Connection>> MakeRoomsAsync(int rooms, int members, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Connection>>([.. Enumerable.Range(0, rooms * members).Select(i => Member(i, string.Create(CultureInfo.InvariantCulture, $"room-{members}-{i / members:d30}")))]);

    public async ValueTask DisposeAsync() => await Process.DisposeAsync();

    private static Connection Member(int index, string room) => new(index, CellWorld.Upgrade(Token, "/" + room)) { Channel = room };
}
