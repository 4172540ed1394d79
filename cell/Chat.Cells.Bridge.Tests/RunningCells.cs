using System.Net;
using System.Text;
using Chat.Cells.Cell.Channels;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Inbox;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Records;
using Chat.Cells.Topology;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Bridge.Tests;

/// <summary>Two cells of one process, on loopback, with real engines in a temporary folder; bridges are started by the tests.</summary>
internal sealed class RunningCells : IAsyncDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("chat-cells-bridge-").FullName;
    private readonly Dictionary<string, HeldPort> ports = new() { ["a"] = new(), ["b"] = new() };
    private readonly Dictionary<string, CellHost> hosts = [];

    public static string Anna => "a.01HZZZZZZZZZZZZZZZZZZZZZA1";

    public static string Xena => "b.01HZZZZZZZZZZZZZZZZZZZZZB1";

    public static async Task<RunningCells> StartAsync()
    {
        var cells = new RunningCells();
        cells.WriteMap();
        foreach (var (cell, peer) in new[] { ("a", "b"), ("b", "a") })
        {
            var secrets = Directory.CreateDirectory(cells.SecretsOf(cell)).FullName;
            await File.WriteAllTextAsync(Path.Combine(secrets, "internal-token"), Token($"internal of {cell}"));
            await File.WriteAllTextAsync(Path.Combine(secrets, $"peer-{peer}"), Token($"peer {peer} at {cell}"));
            await File.WriteAllTextAsync(Path.Combine(secrets, $"bridge-{peer}"), Token($"bridge from {peer} at {cell}"));
            await File.WriteAllTextAsync(Path.Combine(secrets, $"to-{peer}"), Token($"peer {cell} at {peer}"));
        }
        foreach (var cell in cells.ports.Keys) await cells.StartCellAsync(cell);
        return cells;
    }

    public static string Token(string what) => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(what)));

    public IMessageLog Log(string cell) => hosts[cell].Services.GetRequiredService<IMessageLog>();

    public IMessageStore Store(string cell) => hosts[cell].Services.GetRequiredService<IMessageStore>();

    public Uri Url(string cell) => ports[cell].Url;

    public async Task StartCellAsync(string cell) => hosts[cell] = await CellHost.StartAsync(
        new CellOptions
        {
            Cell = cell,
            Number = (ushort)(cell == "a" ? 1 : 2),
            Region = "eu",
            DataDirectory = Path.Combine(root, cell),
            SecretsDirectory = SecretsOf(cell),
            GenerateSecrets = true,
            CellMapPath = Path.Combine(root, "cells.json"),
            Public = new Uri("http://127.0.0.1:0"),
            Internal = Url(cell),
            Roles = ["fanout", "delivery"],
            DrainTimeout = TimeSpan.FromSeconds(3),
        },
        configureLogging: logging => logging.SetMinimumLevel(LogLevel.None));

    public async Task StopCellAsync(string cell)
    {
        if (hosts.Remove(cell, out var host)) await host.DisposeAsync();
    }

    /// <summary>The options of the bridge that copies from <paramref name="source"/> into <paramref name="target"/>, and its secrets.</summary>
    public BridgeOptions BridgeOptions(string source, string target)
    {
        var secrets = Directory.CreateDirectory(Path.Combine(root, $"bridge-{source}-{target}")).FullName;
        File.WriteAllText(Path.Combine(secrets, "source-token"), Token($"peer {target} at {source}"));
        File.WriteAllText(Path.Combine(secrets, "target-token"), Token($"bridge from {source} at {target}") + "\n");
        return new BridgeOptions(source, target, Url(source), Url(target), secrets, new IPEndPoint(IPAddress.Loopback, 0));
    }

    /// <summary>What a gateway appends.</summary>
    public async Task AppendAsync(string cell, ChannelRecord record)
    {
        Assert.True(ChannelId.TryGetType(record.ChannelId, out var type));
        var key = Encoding.UTF8.GetBytes(record.ChannelId);
        var partition = new TopicPartition(Topics.ForChannel(type), KeyPartitioner.PartitionFor(key, type == ChannelType.Direct ? Topics.Embedded.Direct : Topics.Embedded.Group));
        await Log(cell).AppendAsync(partition, key, ChannelRecord.Encode(record), CancellationToken.None);
    }

    public async Task<IReadOnlyList<InboxRecord>> InboxAsync(string user)
    {
        var rows = await Store(user[..1]).ReadInboxAsync(user, InboxCursor.Start, 10_000, CancellationToken.None);
        return [.. rows.Select(r => InboxRecord.Decode(r.Payload))];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var cell in ports.Keys) await StopCellAsync(cell);
        foreach (var port in ports.Values) port.Dispose();
        Directory.Delete(root, recursive: true);
    }

    private string SecretsOf(string cell) => Path.Combine(root, "secrets-" + cell);

    private void WriteMap()
    {
        var cells = ports.Select(p => new CellEntry(
            p.Key, p.Key == "a" ? 1 : 2, "eu", 100, CellState.Active, null, new CellEndpoints(new Uri("http://127.0.0.1:1"), Url(p.Key)), [])).ToList();
        CellMapFile.Write(
            Path.Combine(root, "cells.json"),
            CellMap.Create(
                1,
                cells,
                new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu"] = [new HandleShardRange(0, 255, "a")] },
                new Dictionary<string, int> { ["a"] = 1, ["b"] = 2 }));
    }
}
