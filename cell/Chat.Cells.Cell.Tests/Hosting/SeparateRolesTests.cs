using System.Net;
using Chat.Cells.Cell.Hosting;
using Chat.Cells.Protocol;
using Microsoft.Extensions.Logging.Abstractions;

namespace Chat.Cells.Cell.Tests.Hosting;

/// <summary>A cell whose roles are servers of their own: two gateways, a fan-out and a delivery, on the same engines.</summary>
public sealed class SeparateRolesTests : IAsyncLifetime
{
    private readonly string folder = TestCell.NewFolder();
    private CellEngines engines = null!;
    private TestCell first = null!;
    private TestCell second = null!;
    private TestCell fanOut = null!;
    private TestCell delivery = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;

    public async Task InitializeAsync()
    {
        engines = await CellEngines.OpenEmbeddedAsync(Path.Combine(folder, "data"), TimeProvider.System, NullLoggerFactory.Instance, default);
        first = await StartAsync("gateway", "gateway-0");
        second = await StartAsync("gateway", "gateway-1");
        fanOut = await StartAsync("fanout", "fanout-0");
        delivery = await StartAsync("delivery", "delivery-0");
        anna = await first.SignUpAsync("anna");
        bob = await second.SignUpAsync("bob");
    }

    public async Task DisposeAsync()
    {
        foreach (var server in new[] { first, second, fanOut, delivery }) await server.DisposeAsync();
        await engines.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Message_BetweenUsersOfTwoGateways_IsAckedAndShownOnceLive()
    {
        var channel = await first.CreateDirectAsync(anna, bob);
        await using var sender = await first.ConnectAsync(anna);
        await using var receiver = await second.ConnectAsync(bob);

        await sender.MessageAsync(channel, "hello", "r1");

        var ack = await sender.PayloadAsync("message_ack", "r1");
        Assert.Equal((string)ack["messageId"]!, (string)(await receiver.PayloadAsync("new_message"))["messageId"]!);
        await receiver.SettleAsync();
        Assert.Empty(receiver.Kept("new_message"));
    }

    [Fact]
    public async Task Message_OfAUserWithSocketsOnBothGateways_ReachesBothAndItsReceiptComesBack()
    {
        var channel = await second.CreateDirectAsync(anna, bob);
        var annasPhone = await second.LogInAsync("anna");
        await using var sender = await first.ConnectAsync(anna);
        await using var phone = await second.ConnectAsync(annasPhone);
        await using var receiver = await second.ConnectAsync(bob);

        await sender.MessageAsync(channel, "hello", "r1");

        var id = (string)(await sender.PayloadAsync("message_ack", "r1"))["messageId"]!;
        Assert.Equal(id, (string)(await phone.PayloadAsync("new_message"))["messageId"]!);
        var received = await receiver.PayloadAsync("new_message");
        await receiver.SendAsync("delivered", new { cursor = (string)received["cursor"]! });
        Assert.Equal(id, (string)(await sender.PayloadAsync("receipt"))["deliveredUpTo"]!);
    }

    [Fact]
    public async Task Device_RevokedAtOneGateway_LosesItsSocketAtTheOther()
    {
        var phone = await second.LogInAsync("anna");
        await using var socket = await second.ConnectAsync(phone);
        await using var stays = await second.ConnectAsync(bob);

        using var revoked = await first.SendAsync(HttpMethod.Delete, first.Public, $"/v1/devices/{phone.DeviceId}", anna.Token);

        Assert.True(revoked.IsSuccessStatusCode);
        Assert.Equal(CloseCodes.Unauthorized, (await socket.ClosedAsync()).Code);
        await stays.SettleAsync();
    }

    [Fact]
    public async Task Worker_PublicListener_AnswersHealthOnly()
    {
        foreach (var worker in new[] { fanOut, delivery })
        {
            Assert.Equal(HttpStatusCode.OK, await StatusAsync(worker, worker.Public, "/healthz", null));
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(worker, worker.Public, "/v1/me", anna.Token));
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(worker, worker.Public, "/v1/ws", anna.Token));
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync(worker, worker.Public, "/.well-known/jwks.json", null));
        }
    }

    [Theory]
    [InlineData("gateway-0")]
    [InlineData("fanout-0")]
    [InlineData("delivery-0")]
    public async Task InternalListener_OfEveryRole_IsReadyAndTellsItsStatus(string server)
    {
        var cell = new[] { first, fanOut, delivery }.Single(s => s.Options.ServerId == server);

        Assert.Equal(HttpStatusCode.OK, await StatusAsync(cell, cell.Internal, "/readyz", null));
        using var response = await cell.SendAsync(HttpMethod.Get, cell.Internal, "/internal/v1/status", cell.InternalToken);
        var status = await TestCell.ReadAsync(response, 200);

        Assert.Equal((server, 2, true), ((string)status["server"]!, (int)status["users"]!, (bool)status["ready"]!));
    }

    [Fact]
    public async Task Gateway_Drained_ItsUsersGoOnAtTheOther()
    {
        var channel = await first.CreateDirectAsync(anna, bob);
        var socket = await first.ConnectAsync(anna);
        await using var receiver = await second.ConnectAsync(bob);

        await first.StopAsync();
        Assert.Equal(CloseCodes.Draining, (await socket.ClosedAsync()).Code);
        await socket.DisposeAsync();

        await using var again = await second.ConnectAsync(anna);
        await again.MessageAsync(channel, "still here", "r1");
        Assert.Equal("accepted", (string)(await again.PayloadAsync("message_ack", "r1"))["status"]!);
        Assert.Equal("still here", (string)(await receiver.PayloadAsync("new_message"))["content"]!);
    }

    private static async Task<HttpStatusCode> StatusAsync(TestCell cell, Uri listener, string path, string? token)
    {
        using var response = await cell.SendAsync(HttpMethod.Get, listener, path, token);
        return response.StatusCode;
    }

    private Task<TestCell> StartAsync(string role, string server) => TestCell.StartAsync(o => o with { Roles = [role], ServerId = server }, engines, folder);
}
