using System.Globalization;
using System.Net;
using Chat.Cells.Bench.Generator;
using Chat.Cells.Bench.Measure;
using Chat.Cells.Bench.Report;
using Chat.Cells.Processes;

namespace Chat.Cells.Bench.Servers;

/// <summary>The bare broadcaster in a process of its own.</summary>
internal sealed class BareWorld : IServerWorld
{
    // As long as a real access token, so that a request has the same size.
    private static readonly string Token = new('t', 400);

    // What the cell's own configuration sets too.
    private static readonly Dictionary<string, string> NoSpinning = new() { ["DOTNET_ThreadPool_UnfairSemaphoreSpinLimit"] = "0" };

    private readonly FreePorts ports = new();

    public BareWorld(string folder)
    {
        Directory.CreateDirectory(folder);
        var port = ports.Next();
        Clients = [new IPEndPoint(IPAddress.Loopback, port)];
        var command = BenchProgram.Command("bare", port.ToString(CultureInfo.InvariantCulture)) with { Environment = NoSpinning };
        Servers = [new MeasuredServer("the bare broadcaster", command, Path.Combine(folder, "bare.log"), FreePorts.Url(port))];
    }

    public string Label => BenchReport.Bare;

    public IReadOnlyList<IPEndPoint> Clients { get; }

    public IReadOnlyList<MeasuredServer> Servers { get; }

    public IReadOnlyList<Connection> Connections(int count) => [.. Enumerable.Range(0, count).Select(i => Member(i, string.Create(CultureInfo.InvariantCulture, $"alone-{i}")))];

    public Task<IReadOnlyList<Connection>> MakeRoomsAsync(int rooms, int members, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<Connection>>([.. Enumerable.Range(0, rooms * members).Select(i => Member(i, string.Create(CultureInfo.InvariantCulture, $"room-{members}-{i / members:d30}")))]);

    public async ValueTask DisposeAsync()
    {
        foreach (var server in Servers) await server.DisposeAsync();
        ports.Dispose();
    }

    private static Connection Member(int index, string room) => new(index, Frames.Upgrade(Token, "/" + room)) { Channel = room };
}
