using System.Net;
using System.Net.Sockets;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;
using Microsoft.Extensions.DependencyInjection;

namespace Chat.Cells.Cell.Tests.Accounts;

/// <summary>Two cells of one region: handles of the first half of the shards are decided in one, the others in the other.</summary>
public sealed class TwoCellAccountTests : IAsyncLifetime
{
    private CellPair cells = null!;

    private TestCell First => cells.First;
    private TestCell Second => cells.Second;

    public async Task InitializeAsync() => cells = await CellPair.StartAsync("eu-west-2", "eu-west");

    public async Task DisposeAsync() => await cells.DisposeAsync();

    private static string HandleOfShard(Func<int, bool> shard) => Enumerable.Range(0, 1_000).Select(i => "user" + i).First(n => shard(Handle.ShardOf(n)));

    [Fact]
    public async Task Handle_ClaimedInEitherCell_IsTakenInTheOther()
    {
        foreach (var handle in new[] { HandleOfShard(s => s < 128), HandleOfShard(s => s >= 128) })
        {
            await First.SignUpAsync(handle);
            using var again = await Second.PostAsync("/v1/regions/eu-west/accounts", null, new { handle, password = "long enough", device = new { name = "d", kind = "x" } });
            Assert.Equal(ErrorCodes.HandleTaken, (string)(await TestCell.ReadAsync(again, 409))["code"]!);
        }
    }

    [Fact]
    public async Task Handle_OfAUserInAnotherCell_LogInIsRedirectedAndTheProfileIsRead()
    {
        var handle = HandleOfShard(s => s < 128);
        var user = await Second.SignUpAsync(handle); // lives in the second, the first decides the handle
        using var login = await First.PostAsync($"/v1/handles/{handle}@eu-west/sessions", null, new { password = "correct horse", device = new { name = "d", kind = "x" } });
        Assert.Equal((HttpStatusCode.TemporaryRedirect, $"/v1/users/{user.UserId}/sessions"), (login.StatusCode, login.Headers.Location?.OriginalString));
        using var wrongCell = await First.PostAsync($"/v1/users/{user.UserId}/sessions", null, new { password = "correct horse", device = new { name = "d", kind = "x" } });
        Assert.Equal("eu-west-2", (string)(await TestCell.ReadAsync(wrongCell, 421))["home"]!);
        var reader = await First.SignUpAsync("reader");
        using var profile = await First.GetAsync($"/v1/handles/{handle}@eu-west", reader.Token);
        Assert.Equal(user.UserId, (string)(await TestCell.ReadAsync(profile, 200))["userId"]!);
    }

    [Fact]
    public async Task SignUp_DecidingCellIsDown_Answers503AndAHandleDecidedHereStillWorks()
    {
        await Second.StopAsync();
        using var remote = await First.PostAsync(
            "/v1/regions/eu-west/accounts", null, new { handle = HandleOfShard(s => s >= 128), password = "long enough", device = new { name = "d", kind = "x" } });
        Assert.Equal(ErrorCodes.CellUnavailable, (string)(await TestCell.ReadAsync(remote, 503))["code"]!);
        await First.SignUpAsync(HandleOfShard(s => s < 128));
    }

    [Fact]
    public async Task Contacts_InACellThatNeverAnswers_AreListedWithoutTheirNames()
    {
        var reader = await First.SignUpAsync(HandleOfShard(s => s < 128));
        var near = await First.SignUpAsync(HandleOfShard(s => s is > 20 and < 128));
        string[] contacts = [.. Enumerable.Range(0, 20).Select(_ => UserId.Create("eu-west-2", Ulid.NewUlid())), near.UserId];
        foreach (var userId in contacts)
        {
            using var put = await First.SendAsync(HttpMethod.Put, First.Public, $"/v1/contacts/{userId}", reader.Token);
            Assert.Equal(HttpStatusCode.NoContent, put.StatusCode);
        }
        await Second.StopAsync();
        using var silent = new TcpListener(IPAddress.Loopback, Second.Internal.Port);
        silent.Start();
        using var list = await First.GetAsync("/v1/contacts", reader.Token).WaitAsync(TimeSpan.FromSeconds(40)); // a time limit of 5 s each would be 100 s
        var listed = (await TestCell.ReadAsync(list, 200))["contacts"]!.AsArray();
        Assert.Equal(contacts.Order(StringComparer.Ordinal), listed.Select(c => (string)c!["userId"]!).Order(StringComparer.Ordinal));
        Assert.Equal(near.Handle, (string?)Assert.Single(listed, c => c!["handle"] is not null)!["handle"]);
    }

    [Fact]
    public async Task Keys_RotatedButNotYetInTheMap_TheOldKeyStillSigns()
    {
        await File.WriteAllTextAsync(Path.Combine(First.Options.SecretsDirectory, "signing-k2.pem"), SigningKey.CreatePem());
        First.Services.GetRequiredService<SecretsFolder>().Poll();
        var user = await First.SignUpAsync("rotated");
        using var elsewhere = await Second.GetAsync($"/v1/handles/rotated@eu-west", user.Token);
        Assert.NotEqual(HttpStatusCode.Unauthorized, elsewhere.StatusCode);
    }

    [Fact]
    public async Task Claim_ForAnotherCellsUser_IsForbidden()
    {
        var token = await cells.SecretAsync("eu-west-1", "peer-eu-west-2");
        using var response = await First.SendAsync(
            HttpMethod.Post, First.Internal, "/internal/v1/handles/claims", token, new { handle = HandleOfShard(s => s < 128) + "@eu-west", userId = UserId.Create("eu-west-1", Ulid.NewUlid()) });
        Assert.Equal(HttpStatusCode.Forbidden, response.StatusCode);
    }
}
