using Chat.Cells.Router.Health;
using Chat.Cells.Topology;

namespace Chat.Cells.Router.Routing;

/// <summary>Turns a route and its caller into a cell that is up, by the cell map in memory.</summary>
internal sealed class CellResolver(CellHealth health, Random random)
{
    private readonly Func<CellEntry, bool> isUp = health.IsUp;

    /// <param name="map">The map in use.</param>
    /// <param name="route">What the path asks for.</param>
    /// <param name="path">The path.</param>
    /// <param name="callerId">The user id of the token or ticket; empty where none is needed.</param>
    public Destination Resolve(CellMap map, ApiRoute route, ReadOnlySpan<char> path, ReadOnlySpan<char> callerId)
    {
        switch (route.Kind)
        {
            case RouteKind.Caller or RouteKind.Socket:
                return IfUp(map.HomeOf(callerId));
            case RouteKind.User:
                var userId = route.Subject(path);
                return UserId.IsValid(userId) ? IfUp(map.HomeOf(userId)) : Refusal.NoSuchUser;
            case RouteKind.Handle:
                if (!Handle.TryParse(route.Subject(path), out var handle)) return Refusal.NoSuchHandle;
                return map.CellOfHandle(handle) is { } cell ? IfUp(cell) : Refusal.NoSuchHandle;
            case RouteKind.SignUp:
                var region = route.Subject(path);
                if (!map.HasRegion(region)) return new Refusal(StatusCodes.Status404NotFound, Protocol.ErrorCodes.NotFound, $"There is no such region. Regions: {string.Join(", ", map.Regions.Order(StringComparer.Ordinal))}.");
                return map.PickForNewUser(region, random, isUp) is { } home ? home : Refusal.NoCellUp;
            case RouteKind.AnyCell:
                return map.Cells.FirstOrDefault(isUp) is { } any ? any : Refusal.NoCellUp;
            default:
                return Refusal.NoSuchPath;
        }
    }

    private Destination IfUp(CellEntry? cell)
    {
        if (cell is null) return Refusal.UnknownCell;
        return health.IsUp(cell) ? cell : new Destination(null, Refusal.CellDown(cell), cell);
    }
}
