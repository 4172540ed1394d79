using System.Net;
using System.Text.Json.Nodes;
using Chat.Cells.Cell.Accounts;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;
using Chat.Cells.Topology;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Connections;

public sealed class AuthenticationTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private TestCell cell = null!;
    private TestUser anna = null!;

    /// <summary>Our cell beside another one, us-east-1, whose key the test holds.</summary>
    public async Task InitializeAsync()
    {
        var options = TestCell.DefaultOptions(folder);
        var foreign = SecretsOf(Path.Combine(folder, "foreign"), "us-east-1", TimeProvider.System, out foreignIssuer);
        var map = CellMap.Create(
            1,
            [
                new CellEntry("eu-west-1", 1, "eu-west", 100, CellState.Active, null, new CellEndpoints(new Uri("http://127.0.0.1:1"), new Uri("http://127.0.0.1:2")), []),
                new CellEntry("us-east-1", 2, "us-east", 100, CellState.Active, null, new CellEndpoints(new Uri("http://127.0.0.1:3"), new Uri("http://127.0.0.1:4")), foreign),
            ],
            new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu-west"] = [new(0, 255, "eu-west-1")], ["us-east"] = [new(0, 255, "us-east-1")] },
            new Dictionary<string, int> { ["eu-west-1"] = 1, ["us-east-1"] = 2 });
        CellMapFile.Write(Path.Combine(folder, "cells.json"), map);
        cell = await TestCell.StartAsync(o => o with { CellMapPath = Path.Combine(folder, "cells.json"), TickInterval = TimeSpan.FromMilliseconds(300) }, folder: folder);
        anna = await cell.SignUpAsync("anna");
    }

    private TokenIssuer foreignIssuer = null!;

    public async Task DisposeAsync()
    {
        await cell.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    private static CellKey[] SecretsOf(string path, string cellName, TimeProvider time, out TokenIssuer issuer)
    {
        var options = TestCell.DefaultOptions(path, cellName) with { SecretsDirectory = path };
        var secrets = new SecretsFolder(options, time, NullLogger<SecretsFolder>.Instance);
        issuer = new TokenIssuer(options, () => secrets.Current.Keys[^1], time);
        return [.. secrets.Current.Keys.Select(k => k.Public)];
    }

    /// <summary>Tokens of our cell, issued now for any length.</summary>
    private TokenIssuer OurIssuer(TimeSpan lifetime) => new(cell.Options with { AccessTokenLifetime = lifetime }, () => cell.Services.GetRequiredService<SecretsFolder>().Current.Keys[^1], TimeProvider.System);

    public static readonly TheoryData<string> BadTokens = ["missing", "garbage", "expired", "wrong key", "no algorithm", "unknown device"];

    private string? BadToken(string kind)
    {
        switch (kind)
        {
            case "missing":
                return null;
            case "garbage":
                return "abc.def.ghi";
            case "expired":
                return OurIssuer(TimeSpan.FromMinutes(-10)).Issue(anna.UserId, anna.DeviceId).Token;
            case "wrong key":
                SecretsOf(Path.Combine(folder, "thief-" + Guid.NewGuid().ToString("N")), "eu-west-1", TimeProvider.System, out var thief);
                return thief.Issue(anna.UserId, anna.DeviceId).Token;
            case "no algorithm":
                var parts = anna.Token.Split('.');
                return System.Buffers.Text.Base64Url.EncodeToString("{\"alg\":\"none\",\"kid\":\"0001\"}"u8) + "." + parts[1] + ".";
            default:
                return OurIssuer(TimeSpan.FromMinutes(5)).Issue(anna.UserId, Ulid.NewUlid().ToString()).Token;
        }
    }

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task Socket_WithBadToken_Closes4001(string kind)
    {
        await using var socket = await TestSocket.ConnectAsync(cell.Public, BadToken(kind));
        Assert.Equal(CloseCodes.Unauthorized, (await socket.ClosedAsync()).Code);
    }

    [Theory]
    [MemberData(nameof(BadTokens))]
    public async Task Http_WithBadToken_Answers401(string kind)
    {
        using var response = await cell.GetAsync("/v1/me", BadToken(kind));
        Assert.Equal(ErrorCodes.Unauthorized, (string)(await TestCell.ReadAsync(response, 401))["code"]!);
    }

    [Fact]
    public async Task Socket_OfAnotherCellsUser_Closes4010WithTheHome()
    {
        var user = UserId.Create("us-east-1", Ulid.NewUlid());
        var (token, _) = foreignIssuer.Issue(user, Ulid.NewUlid().ToString());
        await using var socket = await TestSocket.ConnectAsync(cell.Public, token);
        Assert.Equal((CloseCodes.Moved, "us-east-1"), await socket.ClosedAsync());
        using var response = await cell.GetAsync("/v1/me", token);
        var problem = await TestCell.ReadAsync(response, 421);
        Assert.Equal((ErrorCodes.Moved, "us-east-1"), ((string)problem["code"]!, (string)problem["home"]!));
    }

    [Fact]
    public async Task Http_ForeignCellSigningForOurUser_Answers401()
    {
        using var response = await cell.GetAsync("/v1/me", foreignIssuer.Issue(anna.UserId, anna.DeviceId).Token);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Profile_ReadByAnotherCellsUser_IsAnswered()
    {
        var token = foreignIssuer.Issue(UserId.Create("us-east-1", Ulid.NewUlid()), Ulid.NewUlid().ToString()).Token;
        using var response = await cell.GetAsync("/v1/handles/anna@eu-west", token);
        Assert.Equal(anna.UserId, (string)(await TestCell.ReadAsync(response, 200))["userId"]!);
    }

    [Fact]
    public async Task Ticket_UsedTwice_OpensOneSocket()
    {
        using var response = await cell.PostAsync("/v1/tickets", anna.Token, null);
        var ticket = (string)(await TestCell.ReadAsync(response, 201))["ticket"]!;
        await using var first = await TestSocket.ConnectAsync(cell.Public, null, "http://localhost:30080", "chat.cells.v1", "ticket." + ticket);
        Assert.Equal("chat.cells.v1", first.Socket.SubProtocol);
        await first.SendAsync("sync", new { });
        await first.ReceiveAsync("sync_reset");
        await using var second = await TestSocket.ConnectAsync(cell.Public, null, null, "chat.cells.v1", "ticket." + ticket);
        Assert.Equal(CloseCodes.Unauthorized, (await second.ClosedAsync()).Code);
    }

    [Fact]
    public async Task Socket_FromForeignOrigin_IsRefusedBeforeTheUpgrade()
    {
        var refused = await Assert.ThrowsAsync<RefusedException>(() => TestSocket.ConnectAsync(cell.Public, anna.Token, "https://evil.example"));
        Assert.Equal(403, refused.Status);
        await using var allowed = await TestSocket.ConnectAsync(cell.Public, anna.Token, "http://localhost:30080");
        await allowed.SettleAsync();
    }

    [Fact]
    public async Task IdentityHeaders_Forged_ChangeNothing()
    {
        var bob = await cell.SignUpAsync("bob");
        (string, string)[] forged = [("X-User-Id", bob.UserId), ("X-Chat-User", bob.UserId), ("X-Forwarded-User", bob.UserId), ("X-Device-Id", bob.DeviceId)];
        using var asNobody = await cell.SendAsync(HttpMethod.Get, cell.Public, "/v1/me", null, null, forged);
        Assert.Equal(HttpStatusCode.Unauthorized, asNobody.StatusCode);
        using var asAnna = await cell.SendAsync(HttpMethod.Get, cell.Public, "/v1/me", anna.Token, null, forged);
        Assert.Equal(anna.UserId, (string)(await TestCell.ReadAsync(asAnna, 200))["userId"]!);
    }

    [Fact]
    public async Task Socket_TokenExpires_Closes4001()
    {
        await using var socket = await TestSocket.ConnectAsync(cell.Public, OurIssuer(TimeSpan.FromSeconds(2)).Issue(anna.UserId, anna.DeviceId).Token);
        Assert.Equal((CloseCodes.Unauthorized, "token expired"), await socket.ClosedAsync());
    }

    [Fact]
    public async Task Socket_RenewedByAuth_OutlivesItsFirstToken()
    {
        var shortLived = OurIssuer(TimeSpan.FromSeconds(8)).Issue(anna.UserId, anna.DeviceId);
        await using var socket = await TestSocket.ConnectAsync(cell.Public, shortLived.Token);
        await socket.SendAsync("auth", new { token = anna.Token });
        Assert.Equal((long)anna.Session["expiresAt"]!, (long)(await socket.PayloadAsync("auth_ok"))["expiresAt"]!);
        await Poll.UntilAsync(() => DateTimeOffset.UtcNow > shortLived.ExpiresAt + TimeSpan.FromSeconds(2), "the first token has expired");
        await socket.SettleAsync();
    }

    [Fact]
    public async Task Auth_WithAnotherUsersOrDevicesToken_IsRefused()
    {
        var bob = await cell.SignUpAsync("bob");
        var annasPhone = await cell.LogInAsync("anna");
        await using var socket = await cell.OpenAsync(anna);
        foreach (var other in new[] { bob.Token, annasPhone.Token, "nonsense", OurIssuer(TimeSpan.FromMinutes(-10)).Issue(anna.UserId, anna.DeviceId).Token })
        {
            await socket.SendAsync("auth", new { token = other }, "a1");
            Assert.Equal(ErrorCodes.Unauthorized, (string)(await socket.PayloadAsync("error", "a1"))["code"]!);
        }
    }

    [Fact]
    public async Task Device_LoggedOut_LosesItsSocketAndItsToken()
    {
        var phone = await cell.LogInAsync("anna");
        await using var socket = await cell.ConnectAsync(phone);
        using var removed = await cell.SendAsync(HttpMethod.Delete, cell.Public, $"/v1/devices/{phone.DeviceId}", anna.Token);
        Assert.Equal(HttpStatusCode.NoContent, removed.StatusCode);
        Assert.Equal((CloseCodes.Unauthorized, "logged out"), await socket.ClosedAsync());
        using var response = await cell.GetAsync("/v1/me", phone.Token);
        Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
    }

    [Fact]
    public async Task Keys_Rotated_NewTokensUseTheNewOneAndOldTokensStillPass()
    {
        await File.WriteAllTextAsync(Path.Combine(cell.Options.SecretsDirectory, "signing-0002.pem"), SigningKey.CreatePem());
        cell.Services.GetRequiredService<SecretsFolder>().Poll();
        var phone = await cell.LogInAsync("anna");
        Assert.Equal("0002", (string)JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(phone.Token.Split('.')[0]))!["kid"]!);
        foreach (var token in new[] { anna.Token, phone.Token })
        {
            using var response = await cell.GetAsync("/v1/me", token);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        }
        using var keys = await cell.GetAsync("/.well-known/jwks.json");
        Assert.Equal(["0001", "0002"], (await TestCell.ReadAsync(keys, 200))["keys"]!.AsArray().Select(k => (string)k!["kid"]!));
    }
}
