using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Accounts;

/// <summary>Two cells of one region: handles of the first half of the shards are decided in one, the others in the other.</summary>
public sealed class TwoCellAccountTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private TestCell first = null!;
    private TestCell second = null!;

    public async Task InitializeAsync()
    {
        Uri[] urls = [.. FreePorts(4).Select(p => new Uri($"http://127.0.0.1:{p}"))];
        var one = Prepare("eu-west-1", urls[0], urls[1]);
        var two = Prepare("eu-west-2", urls[2], urls[3]);
        Share("eu-west-1", "eu-west-2");
        Share("eu-west-2", "eu-west-1");
        CellMapFile.Write(Path.Combine(folder, "cells.json"), CellMap.Create(
            1,
            [Entry("eu-west-1", 1, urls[0], urls[1], one), Entry("eu-west-2", 2, urls[2], urls[3], two)],
            new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu-west"] = [new(0, 127, "eu-west-1"), new(128, 255, "eu-west-2")] },
            new Dictionary<string, int> { ["eu-west-1"] = 1, ["eu-west-2"] = 2 }));
        first = await StartAsync("eu-west-1", 1, urls[0], urls[1]);
        second = await StartAsync("eu-west-2", 2, urls[2], urls[3]);
    }

    public async Task DisposeAsync()
    {
        await first.DisposeAsync();
        await second.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static CellEntry Entry(string name, int number, Uri pub, Uri intern, CellKey key) => new(name, number, "eu-west", 100, CellState.Active, null, new CellEndpoints(pub, intern), [key]);

    private CellKey Prepare(string cell, Uri pub, Uri intern)
    {
        var secrets = Path.Combine(folder, cell, "secrets");
        Directory.CreateDirectory(secrets);
        var pem = SigningKey.CreatePem();
        File.WriteAllText(Path.Combine(secrets, "signing-k1.pem"), pem);
        return CellSecrets.Read(new Dictionary<string, string> { ["signing-k1.pem"] = pem }).Keys[0].Public;
    }

    private void Share(string cell, string with)
    {
        var token = Convert.ToHexString(RandomNumberGenerator.GetBytes(32));
        File.WriteAllText(Path.Combine(folder, cell, "secrets", "peer-" + with), token);
        File.WriteAllText(Path.Combine(folder, with, "secrets", "to-" + cell), token);
    }

    private Task<TestCell> StartAsync(string cell, ushort number, Uri pub, Uri intern) => TestCell.StartAsync(
        o => TestCell.DefaultOptions(Path.Combine(folder, cell), cell, "eu-west", number) with { CellMapPath = Path.Combine(folder, "cells.json"), Public = pub, Internal = intern }, folder: folder);

    private static List<int> FreePorts(int count)
    {
        var listeners = Enumerable.Range(0, count).Select(_ => new TcpListener(IPAddress.Loopback, 0)).ToList();
        listeners.ForEach(l => l.Start());
        var ports = listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port).ToList();
        listeners.ForEach(l => l.Stop());
        return ports;
    }

    private static string HandleOfShard(Func<int, bool> shard) => Enumerable.Range(0, 1_000).Select(i => "user" + i).First(n => shard(Handle.ShardOf(n)));

    [Fact]
    public async Task Handle_ClaimedInEitherCell_IsTakenInTheOther()
    {
        foreach (var handle in new[] { HandleOfShard(s => s < 128), HandleOfShard(s => s >= 128) })
        {
            await first.SignUpAsync(handle);
            using var again = await second.PostAsync("/v1/regions/eu-west/accounts", null, new { handle, password = "long enough", device = new { name = "d", kind = "x" } });
            Assert.Equal(ErrorCodes.HandleTaken, (string)(await TestCell.ReadAsync(again, 409))["code"]!);
        }
    }

    [Fact]
    public async Task Handle_OfAUserInAnotherCell_LogInIsRedirectedAndTheProfileIsRead()
    {
        var handle = HandleOfShard(s => s < 128);
        var user = await second.SignUpAsync(handle); // lives in the second, the first decides the handle
        using var login = await first.PostAsync($"/v1/handles/{handle}@eu-west/sessions", null, new { password = "correct horse", device = new { name = "d", kind = "x" } });
        Assert.Equal((HttpStatusCode.TemporaryRedirect, $"/v1/users/{user.UserId}/sessions"), (login.StatusCode, login.Headers.Location?.OriginalString));
        using var wrongCell = await first.PostAsync($"/v1/users/{user.UserId}/sessions", null, new { password = "correct horse", device = new { name = "d", kind = "x" } });
        Assert.Equal("eu-west-2", (string)(await TestCell.ReadAsync(wrongCell, 421))["home"]!);
        var reader = await first.SignUpAsync("reader");
        using var profile = await first.GetAsync($"/v1/handles/{handle}@eu-west", reader.Token);
        Assert.Equal(user.UserId, (string)(await TestCell.ReadAsync(profile, 200))["userId"]!);
    }

    [Fact]
    public async Task SignUp_DecidingCellIsDown_Answers503AndAHandleDecidedHereStillWorks()
    {
        await second.StopAsync();
        using var remote = await first.PostAsync(
            "/v1/regions/eu-west/accounts", null, new { handle = HandleOfShard(s => s >= 128), password = "long enough", device = new { name = "d", kind = "x" } });
        Assert.Equal(ErrorCodes.CellUnavailable, (string)(await TestCell.ReadAsync(remote, 503))["code"]!);
        await first.SignUpAsync(HandleOfShard(s => s < 128));
    }

    [Fact]
    public async Task Contacts_InACellThatNeverAnswers_AreListedWithoutTheirNames()
    {
        var reader = await first.SignUpAsync(HandleOfShard(s => s < 128));
        var near = await first.SignUpAsync(HandleOfShard(s => s is > 20 and < 128));
        string[] contacts = [.. Enumerable.Range(0, 20).Select(_ => UserId.Create("eu-west-2", Ulid.NewUlid())), near.UserId];
        foreach (var userId in contacts)
        {
            using var put = await first.SendAsync(HttpMethod.Put, first.Public, $"/v1/contacts/{userId}", reader.Token);
            Assert.Equal(HttpStatusCode.NoContent, put.StatusCode);
        }
        await second.StopAsync();
        using var silent = new TcpListener(IPAddress.Loopback, second.Internal.Port);
        silent.Start();
        using var list = await first.GetAsync("/v1/contacts", reader.Token).WaitAsync(TimeSpan.FromSeconds(40)); // a time limit of 5 s each would be 100 s
        var listed = (await TestCell.ReadAsync(list, 200))["contacts"]!.AsArray();
        Assert.Equal(contacts.Order(StringComparer.Ordinal), listed.Select(c => (string)c!["userId"]!).Order(StringComparer.Ordinal));
        Assert.Equal(near.Handle, (string?)Assert.Single(listed, c => c!["handle"] is not null)!["handle"]);
    }

    [Fact]
    public async Task Keys_RotatedButNotYetInTheMap_TheOldKeyStillSigns()
    {
        await File.WriteAllTextAsync(Path.Combine(first.Options.SecretsDirectory, "signing-k2.pem"), SigningKey.CreatePem());
        first.Services.GetRequiredService<SecretsFolder>().Poll();
        var user = await first.SignUpAsync("rotated");
        using var elsewhere = await second.GetAsync($"/v1/handles/rotated@eu-west", user.Token);
        Assert.NotEqual(HttpStatusCode.Unauthorized, elsewhere.StatusCode);
    }

    [Fact]
    public async Task Claim_ForAnotherCellsUser_IsForbidden()
    {
        var token = await File.ReadAllTextAsync(Path.Combine(folder, "eu-west-1", "secrets", "peer-eu-west-2"));
        using var response = await first.SendAsync(
            HttpMethod.Post, first.Internal, "/internal/v1/handles/claims", token, new { handle = HandleOfShard(s => s < 128) + "@eu-west", userId = UserId.Create("eu-west-1", Ulid.NewUlid()) });
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }
}
