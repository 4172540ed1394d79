using Chat.Cells.Router.Health;
using Chat.Cells.Router.Routing;
using Chat.Cells.Topology;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Primitives;

namespace Chat.Cells.Router.Tests;

public sealed class ApiRouteTests
{
    private const string Anna = "eu-west-1.01JD0000000000000000000001";

    [Theory]
    [InlineData("GET", "/v1/cells", "CellTable", false, "")]
    [InlineData("GET", "/v1/openapi.json", "AnyCell", false, "")]
    [InlineData("GET", "/v1/ws", "Socket", true, "")]
    [InlineData("POST", "/v1/regions/eu-west/accounts", "SignUp", false, "eu-west")]
    [InlineData("POST", "/v1/users/a.b/sessions", "User", false, "a.b")]
    [InlineData("POST", "/v1/users/a.b/tokens", "User", false, "a.b")]
    [InlineData("GET", "/v1/users/a.b/tokens", "User", true, "a.b")]
    [InlineData("GET", "/v1/users/a.b", "User", true, "a.b")]
    [InlineData("POST", "/v1/users/a.b/sessions/x", "User", true, "a.b")]
    [InlineData("POST", "/v1/handles/anna@eu/sessions", "Handle", false, "anna@eu")]
    [InlineData("POST", "/v1/handles/anna@eu/tokens", "Handle", true, "anna@eu")]
    [InlineData("GET", "/v1/handles/anna@eu", "Handle", true, "anna@eu")]
    [InlineData("POST", "/v1/tickets", "Caller", true, "")]
    [InlineData("GET", "/v1/me", "Caller", true, "")]
    [InlineData("PUT", "/v1/channels/d.x/members/a.b", "Caller", true, "")]
    [InlineData("GET", "/v1//users/a.b", "Caller", true, "")]
    [InlineData("GET", "/v1/regions/eu-west/accounts", "NotFound", false, "")]
    [InlineData("POST", "/v1/regions//accounts", "NotFound", false, "")]
    [InlineData("POST", "/v1/regions/eu-west", "NotFound", false, "")]
    [InlineData("POST", "/v1/cells", "NotFound", false, "")]
    [InlineData("GET", "/v1/users/", "NotFound", false, "")]
    [InlineData("GET", "/v1/users", "NotFound", false, "")]
    [InlineData("GET", "/v1/", "NotFound", false, "")]
    [InlineData("GET", "/v1", "NotFound", false, "")]
    [InlineData("GET", "/V1/me", "NotFound", false, "")]
    public void Match_MethodAndPath_SaysWhoDecides(string method, string path, string kind, bool needsToken, string subject)
    {
        var route = ApiRoute.Match(method, path);
        Assert.Equal(kind, route.Kind.ToString());
        Assert.Equal(needsToken, route.NeedsToken);
        Assert.Equal(subject, route.Subject(path).ToString());
    }

    [Theory]
    [InlineData($"chat.cells.v1, ticket.{Anna}.c2VjcmV0", Anna)]
    [InlineData($"ticket.{Anna}.x", Anna)]
    [InlineData($"ticket.bad.x, ticket.{Anna}.x", Anna)]
    [InlineData($"ticket.{Anna}", null)]
    [InlineData($"ticket.{Anna}.", null)]
    [InlineData($"TICKET.{Anna}.x", null)]
    [InlineData("chat.cells.v1", null)]
    [InlineData("ticket..", null)]
    [InlineData("", null)]
    public void TryGetTicketUser_Subprotocols_GivesTheUser(string header, string? expected)
    {
        Assert.Equal(expected is not null, Credentials.TryGetTicketUser(header, out var userId));
        Assert.Equal(expected ?? "", userId.ToString());
        Assert.False(Credentials.TryGetTicketUser(new StringValues($"ticket.{Anna}.{new string('x', 200)}"), out _));
    }

    [Fact]
    public void Resolve_KnownUser_AllocatesNothing()
    {
        CellEntry[] cells = [new("eu-west-1", 1, "eu-west", 1, CellState.Active, null, new(new Uri("http://h"), new Uri("http://h")), [])];
        var map = CellMap.Create(1, cells, new Dictionary<string, IReadOnlyList<HandleShardRange>> { ["eu-west"] = [new(0, 255, "eu-west-1")] }, new Dictionary<string, int> { ["eu-west-1"] = 1 });
        var resolver = new CellResolver(new CellHealth(NullLogger<CellHealth>.Instance), new Random(1));
        var path = $"/v1/users/{Anna}/tokens";
        var ticket = new StringValues($"chat.cells.v1, ticket.{Anna}.c2VjcmV0");
        var allocated = long.MaxValue;
        // The steady state is meant: until the JIT has recompiled the lookups, generic checks in them box.
        for (var started = TimeProvider.System.GetTimestamp(); allocated != 0 && TimeProvider.System.GetElapsedTime(started) < RouterCluster.Patience;)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 10_000; i++) Look();
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Assert.Equal(0, allocated);

        void Look()
        {
            var byPath = resolver.Resolve(map, ApiRoute.Match("POST", path), path, default);
            Credentials.TryGetTicketUser(ticket, out var userId);
            var byTicket = resolver.Resolve(map, ApiRoute.Match("GET", "/v1/ws"), "/v1/ws", userId);
            if (byPath.Cell is null || byTicket.Cell is null) throw new InvalidOperationException("not found");
        }
    }
}
