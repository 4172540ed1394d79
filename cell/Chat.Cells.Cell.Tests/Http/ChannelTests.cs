using System.Net;
using Chat.Cells.Cell.Tests.Hosting;
using Chat.Cells.Protocol;

namespace Chat.Cells.Cell.Tests.Http;

public sealed class ChannelTests : IAsyncLifetime
{
    private TestCell cell = null!;
    private TestUser anna = null!;
    private TestUser bob = null!;
    private TestUser carol = null!;

    public async Task InitializeAsync()
    {
        cell = await TestCell.StartAsync();
        anna = await cell.SignUpAsync("anna");
        bob = await cell.SignUpAsync("bob");
        carol = await cell.SignUpAsync("carol");
    }

    public async Task DisposeAsync() => await cell.DisposeAsync();

    [Fact]
    public async Task Create_SentTwice_IsOneChannel()
    {
        var body = new { type = "group", name = "team", userIds = new[] { bob.UserId }, requestId = "g1" };
        using var first = await cell.PostAsync("/v1/channels", anna.Token, body);
        using var second = await cell.PostAsync("/v1/channels", anna.Token, body);
        Assert.Equal((await TestCell.ReadAsync(first, 201)).ToJsonString(), (await TestCell.ReadAsync(second, 201)).ToJsonString());
        using var list = await cell.GetAsync("/v1/channels", bob.Token);
        Assert.Single((await TestCell.ReadAsync(list, 200))["channels"]!.AsArray());
    }

    [Theory]
    [InlineData("{\"type\":\"party\",\"requestId\":\"r\"}")]
    [InlineData("{\"type\":\"direct\",\"userId\":\"nobody\",\"requestId\":\"r\"}")]
    [InlineData("{\"type\":\"direct\",\"userId\":\"mars-1.01M813TPGJYVHDRRPAQQWFWCH8\",\"requestId\":\"r\"}")]
    [InlineData("{\"type\":\"group\",\"name\":\"\",\"userIds\":[],\"requestId\":\"r\"}")]
    [InlineData("{\"type\":\"group\",\"name\":\"x\",\"userIds\":[\"me\"],\"requestId\":\"r\"}")]
    [InlineData("{\"type\":\"group\",\"name\":\"x\",\"userIds\":[],\"requestId\":\"with space\"}")]
    [InlineData("{\"type\":\"group\",\"name\":\"x\",\"userIds\":[]}")]
    public async Task Create_BadBody_Answers400(string body)
    {
        using var response = await cell.PostAsync("/v1/channels", anna.Token, body);
        Assert.Equal(ErrorCodes.BadRequest, (string)(await TestCell.ReadAsync(response, 400))["code"]!);
    }

    [Fact]
    public async Task Members_AddPromoteRemoveLeave_ArePassedToTheJudge()
    {
        var group = await cell.CreateGroupAsync(anna, "team", bob);
        await using var carolsSocket = await cell.ConnectAsync(carol);
        using (var add = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/channels/{group}/members/{carol.UserId}", anna.Token, new { role = "member", requestId = "m1" }))
            Assert.Equal(3, (await TestCell.ReadAsync(add, 200))["members"]!.AsArray().Count);
        Assert.Equal(group, (string)(await carolsSocket.PayloadAsync("channel_changed"))["channelId"]!);
        using (var again = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/channels/{group}/members/{carol.UserId}", anna.Token, new { role = "member", requestId = "m1" }))
            Assert.Equal(HttpStatusCode.OK, again.StatusCode);
        using (var promote = await cell.SendAsync(HttpMethod.Put, cell.Public, $"/v1/channels/{group}/members/{bob.UserId}", anna.Token, new { role = "admin", requestId = "m2" }))
            Assert.Contains((await TestCell.ReadAsync(promote, 200))["members"]!.AsArray(), m => (string)m!["userId"]! == bob.UserId && (string)m["role"]! == "admin");
        using (var notAllowed = await cell.SendAsync(HttpMethod.Delete, cell.Public, $"/v1/channels/{group}/members/{anna.UserId}?requestId=m3", carol.Token))
            Assert.Equal(HttpStatusCode.Forbidden, notAllowed.StatusCode);
        using (var leave = await cell.SendAsync(HttpMethod.Delete, cell.Public, $"/v1/channels/{group}/members/{carol.UserId}?requestId=m4", carol.Token))
            Assert.Equal(HttpStatusCode.NoContent, leave.StatusCode);
        Assert.Null((bool?)(await carolsSocket.PayloadAsync("channel_changed"))["removed"]); // bob's promotion
        Assert.True((bool)(await carolsSocket.PayloadAsync("channel_changed"))["removed"]!);
        using var gone = await cell.GetAsync($"/v1/channels/{group}", carol.Token);
        Assert.Equal(ErrorCodes.NotMember, (string)(await TestCell.ReadAsync(gone, 403))["code"]!);
    }

    [Fact]
    public async Task Rename_ByAMember_IsForbiddenAndByTheOwnerDone()
    {
        var group = await cell.CreateGroupAsync(anna, "team", bob);
        using var refused = await cell.SendAsync(HttpMethod.Patch, cell.Public, $"/v1/channels/{group}", bob.Token, new { name = "mine", requestId = "n1" });
        Assert.Equal(ErrorCodes.Forbidden, (string)(await TestCell.ReadAsync(refused, 403))["code"]!);
        using var done = await cell.SendAsync(HttpMethod.Patch, cell.Public, $"/v1/channels/{group}", anna.Token, new { name = "ours", requestId = "n1" });
        Assert.Equal("ours", (string)(await TestCell.ReadAsync(done, 200))["name"]!);
    }

    [Fact]
    public async Task List_PageByPage_IsComplete()
    {
        for (var i = 0; i < 5; i++) await cell.CreateGroupAsync(anna, "g" + i);
        var all = new List<string>();
        string? next = null;
        do
        {
            using var response = await cell.GetAsync("/v1/channels?limit=2" + (next is null ? "" : "&after=" + next), anna.Token);
            var page = await TestCell.ReadAsync(response, 200);
            all.AddRange(page["channels"]!.AsArray().Select(c => (string)c!["name"]!));
            next = (string?)page["next"];
        }
        while (next is not null);
        Assert.Equal(["g0", "g1", "g2", "g3", "g4"], all.Order());
    }

    [Theory]
    [InlineData("?limit=0")]
    [InlineData("?limit=100000")]
    [InlineData("?limit=many")]
    [InlineData("?before=zzz")]
    public async Task History_BadPage_Answers400(string query)
    {
        var group = await cell.CreateGroupAsync(anna, "team");
        using var response = await cell.GetAsync($"/v1/channels/{group}/messages{query}", anna.Token);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
    }
}
