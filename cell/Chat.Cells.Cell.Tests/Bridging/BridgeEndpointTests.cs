using System.Net;
using System.Net.Http.Headers;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Messaging;
using Chat.Cells.Cell.Ports;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Bridging;

/// <summary>What a bridge is told when the log behind the endpoint fails.</summary>
public sealed class BridgeEndpointTests : IAsyncLifetime
{
    private const string Cell = "eu-west-1";
    private const string Peer = "eu-west-2";
    private static readonly string PeerToken = new('7', 64);
    private static readonly string Path0 = $"internal/v1/bridges/{Peer}/records?from={string.Join(',', Enumerable.Repeat('0', Topics.Embedded.Bridge))}";
    private readonly string folder = TestCell.NewFolder();
    private readonly HttpClient http = new();
    private CellEngines engines = null!;
    private FailingLog log = null!;
    private TestCell cell = null!;

    public async Task InitializeAsync()
    {
        var secrets = Directory.CreateDirectory(Path.Combine(folder, "secrets")).FullName;
        await File.WriteAllTextAsync(Path.Combine(secrets, $"peer-{Peer}"), PeerToken);
        var map = Path.Combine(folder, "cells.json");
        CellMapFile.Write(map, CellMap.Create(
            1,
            [Entry(Cell, 1, await NewKeyAsync(Path.Combine(secrets, "signing-k1.pem"))), Entry(Peer, 2, await NewKeyAsync(Path.Combine(folder, "peer.pem")))],
            new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu-west"] = [new(0, 255, Cell)] },
            new Dictionary<string, int> { [Cell] = 1, [Peer] = 2 }));
        var real = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        log = new FailingLog(real.Log);
        engines = real with { Log = log };
        cell = await TestCell.StartAsync(o => o with { CellMapPath = map, Roles = ["gateway"] }, engines, folder);
        http.BaseAddress = cell.Internal;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", PeerToken);
    }

    public async Task DisposeAsync()
    {
        http.Dispose();
        await cell.DisposeAsync();
        await engines.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Records_LogUnavailable_Answers503RetryAndStreamsWhenItIsBack()
    {
        log.Fault = () => new LogUnavailableException("no broker answers");
        using (var refused = await http.GetAsync(Path0, HttpCompletionOption.ResponseHeadersRead))
        {
            var body = await TestCell.ReadAsync(refused, 503);
            Assert.Equal(ErrorCodes.Retry, (string)body["code"]!);
            Assert.Equal("no broker answers", (string)body["detail"]!);
            Assert.False(refused.Headers.Contains("Chat-Cells-Next"));
        }
        log.Fault = null;
        using var streamed = await http.GetAsync(Path0, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, streamed.StatusCode);
    }

    [Fact]
    public async Task Records_LogFailsInTheMiddleOfTheStream_CutsItOff()
    {
        using var response = await http.GetAsync(Path0, HttpCompletionOption.ResponseHeadersRead);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        log.BridgeReadFault = () => new LogUnavailableException("no broker answers");
        await using var stream = await response.Content.ReadAsStreamAsync();
        // A clean end would say that all is read.
        await Assert.ThrowsAnyAsync<IOException>(() => stream.CopyToAsync(Stream.Null).WaitAsync(TimeSpan.FromSeconds(60)));
    }

    private static async Task<CellKey> NewKeyAsync(string file)
    {
        var pem = SigningKey.CreatePem();
        await File.WriteAllTextAsync(file, pem);
        return CellSecrets.Read(new Dictionary<string, string> { ["signing-k1.pem"] = pem }).Keys[0].Public;
    }

    private static CellEntry Entry(string name, int number, CellKey key) =>
        new(name, number, "eu-west", 100, CellState.Active, null, new CellEndpoints(new Uri($"http://{name}:1"), new Uri($"http://{name}:2")), [key]);
}
