using System.Net;
using Chat.Cells.Client.Accounts;
using Chat.Cells.E2E.Tests.Clusters;
using Chat.Cells.Protocol;

namespace Chat.Cells.E2E.Tests;

[Collection(ClusterCollection.Name)]
public sealed class AccountTests(ClusterFixture cluster)
{
    [Fact]
    public async Task SignUp_InBothRegions_HomesAreThere()
    {
        var first = await cluster.SignUpAsync(cluster.Regions.First);
        var second = await cluster.SignUpAsync(cluster.Regions.Second);
        Assert.EndsWith("@" + cluster.Regions.First, first.Handle, StringComparison.Ordinal);
        Assert.EndsWith("@" + cluster.Regions.Second, second.Handle, StringComparison.Ordinal);
        Assert.NotEqual(first.UserId.Split('.')[0], second.UserId.Split('.')[0]);
    }

    [Fact]
    public async Task LogIn_SecondDevice_IsTheSameUserWithItsOwnDevice()
    {
        var first = await cluster.SignUpAsync(cluster.Regions.Second);
        var second = await cluster.LogInAsync(first.Handle);
        Assert.Equal(first.UserId, second.UserId);
        Assert.NotEqual(first.DeviceId, second.DeviceId);
    }

    [Fact]
    public async Task LogIn_WrongPasswordOrUnknownHandle_IsRefusedAlike()
    {
        var session = await cluster.SignUpAsync(cluster.Regions.First);
        var wrong = await Assert.ThrowsAsync<ChatApiException>(() => cluster.LogInAsync(session.Handle, "not the password"));
        var unknown = await Assert.ThrowsAsync<ChatApiException>(() => cluster.LogInAsync($"{cluster.NewName()}@{cluster.Regions.First}", "not the password"));
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.Status);
        Assert.Equal((wrong.Status, wrong.Code), (unknown.Status, unknown.Code));
    }

    [Fact]
    public async Task SignUp_HandleTaken_IsRefused()
    {
        var name = cluster.NewName();
        var device = new DeviceInfo("phone", "phone");
        await cluster.Accounts.SignUpAsync(cluster.Regions.First, name, "long enough", "One", device, default);
        var e = await Assert.ThrowsAsync<ChatApiException>(() => cluster.Accounts.SignUpAsync(cluster.Regions.First, name, "long enough", "Two", device, default));
        Assert.Equal(ErrorCodes.HandleTaken, e.Code);
        // The same name in another region is another handle.
        await cluster.Accounts.SignUpAsync(cluster.Regions.Second, name, "long enough", "Three", device, default);
    }

    [Fact]
    public async Task FindHandle_OfTheOtherRegion_FindsTheUser()
    {
        var ben = await cluster.SignUpAsync(cluster.Regions.Second);
        await using var anna = cluster.NewClient(await cluster.SignUpAsync(cluster.Regions.First));
        var found = await anna.Api.FindHandleAsync(ben.Handle, default);
        Assert.Equal(ben.UserId, found.UserId);
        var e = await Assert.ThrowsAsync<ChatApiException>(() => anna.Api.FindHandleAsync($"{cluster.NewName()}@{cluster.Regions.Second}", default));
        Assert.Equal(ErrorCodes.NotFound, e.Code);
    }

    [Fact]
    public async Task Token_ForgedOrMissing_IsRefused()
    {
        var session = await cluster.SignUpAsync(cluster.Regions.First);
        var parts = session.AccessToken.Split('.');
        var forged = $"{parts[0]}.{parts[1]}.{new string('A', parts[2].Length)}";
        using var http = Client.ChatClient.NewHttpClient();
        foreach (var token in new[] { forged, "nonsense", null })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(cluster.Router, "/v1/me"));
            if (token is not null) request.Headers.Authorization = new("Bearer", token);
            using var response = await http.SendAsync(request);
            Assert.Equal(HttpStatusCode.Unauthorized, response.StatusCode);
        }
    }

    [Fact]
    public async Task Refresh_RenewedSession_Works()
    {
        var session = await cluster.SignUpAsync(cluster.Regions.Second);
        var renewed = await cluster.Accounts.RefreshAsync(session, default);
        Assert.Equal(session.UserId, renewed.UserId);
        Assert.NotEqual(session.RefreshToken, renewed.RefreshToken);
        await using var client = await ClusterFixture.LiveAsync(cluster.NewClient(renewed));
    }
}
