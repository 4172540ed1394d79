using System.Net;
using System.Security.Cryptography;
using Chat.Cells.Bridge;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging;

namespace Chat.Cells.Cell.Tests.Unread;

/// <summary>Two whole cells on loopback with a bridge each way. A bridge can be held back, and a cell started again, which loses its embedded state.</summary>
internal sealed class BridgedCells : IAsyncDisposable
{
    public const string Here = "eu-west-1";
    public const string There = "eu-west-2";

    private readonly HeldPort[] ports = [new(), new(), new(), new()];
    private readonly string folder = TestCell.NewFolder();
    private readonly Dictionary<string, (ushort Number, Uri Public, Uri Internal)> places;
    private readonly Dictionary<string, TestCell> cells = [];
    private readonly Dictionary<string, BridgeHost> bridges = [];

    private readonly Func<CellOptions, CellOptions> change;

    private BridgedCells(Func<CellOptions, CellOptions> change)
    {
        this.change = change;
        places = new() { [Here] = (1, ports[0].Url, ports[1].Url), [There] = (2, ports[2].Url, ports[3].Url) };
    }

    public TestCell this[string cell] => cells[cell];

    /// <param name="change">What the cells' options are to be besides.</param>
    public static async Task<BridgedCells> StartAsync(Func<CellOptions, CellOptions>? change = null)
    {
        var started = new BridgedCells(change ?? (options => options));
        started.Prepare();
        foreach (var cell in started.places.Keys) await started.StartCellAsync(cell);
        foreach (var (source, target) in new[] { (Here, There), (There, Here) }) await started.StartBridgeAsync(source, target);
        return started;
    }

    /// <summary>The bridge that copies into a cell.</summary>
    public async Task StartBridgeAsync(string source, string target)
    {
        var options = new BridgeOptions(source, target, places[source].Internal, places[target].Internal, BridgeSecrets(target), new IPEndPoint(IPAddress.Loopback, 0));
        bridges[target] = BridgeHost.Create(options, logging: logging => logging.ClearProviders());
        await bridges[target].StartAsync(CancellationToken.None);
    }

    public async Task HoldBackAsync(string target)
    {
        if (bridges.Remove(target, out var bridge)) await bridge.DisposeAsync();
    }

    public async Task RestartAsync(string cell)
    {
        await cells[cell].DisposeAsync();
        await StartCellAsync(cell);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var target in places.Keys) await HoldBackAsync(target);
        foreach (var cell in cells.Values) await cell.DisposeAsync();
        foreach (var port in ports) port.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task StartCellAsync(string cell)
    {
        var (number, pub, intern) = places[cell];
        cells[cell] = await TestCell.StartAsync(
            _ => change(TestCell.DefaultOptions(Path.Combine(folder, cell), cell, "eu-west", number) with { CellMapPath = Path.Combine(folder, "cells.json"), Public = pub, Internal = intern }),
            folder: folder);
    }

    private void Prepare()
    {
        var entries = new List<CellEntry>();
        foreach (var (cell, (number, pub, intern)) in places)
        {
            var pem = SigningKey.CreatePem();
            Write(cell, "signing-k1.pem", pem);
            var key = CellSecrets.Read(new Dictionary<string, string> { ["signing-k1.pem"] = pem }).Keys[0].Public;
            entries.Add(new CellEntry(cell, number, "eu-west", 100, CellState.Active, null, new CellEndpoints(pub, intern), [key]));
            var peer = cell == Here ? There : Here;
            var (toPeer, bridge) = (Convert.ToHexString(RandomNumberGenerator.GetBytes(32)), Convert.ToHexString(RandomNumberGenerator.GetBytes(32)));
            Write(cell, "peer-" + peer, toPeer);
            Write(peer, "to-" + cell, toPeer);
            Write(cell, "bridge-" + peer, bridge);
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(BridgeSecrets(peer)).FullName, "source-token"), toPeer);
            File.WriteAllText(Path.Combine(Directory.CreateDirectory(BridgeSecrets(cell)).FullName, "target-token"), bridge);
        }
        CellMapFile.Write(Path.Combine(folder, "cells.json"), CellMap.Create(
            1,
            entries,
            new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu-west"] = [new(0, 255, Here)] },
            new Dictionary<string, int> { [Here] = 1, [There] = 2 }));
    }

    private void Write(string cell, string name, string secret) => File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(folder, cell, "secrets")).FullName, name), secret);

    private string BridgeSecrets(string target) => Path.Combine(folder, "bridge-into-" + target);
}
