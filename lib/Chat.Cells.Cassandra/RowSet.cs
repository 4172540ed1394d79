using System.Collections;
using Cassandra.Protocol;

namespace Cassandra;

/// <summary>The rows of a result: one page. <see cref="FetchNextPageAsync"/> gets the next.</summary>
public sealed class RowSet : IReadOnlyList<Row>
{
    private readonly Func<byte[], CancellationToken, Task<RowSet>>? _next;
    private readonly ReadOnlyMemory<byte>?[][] _rows;
    private readonly ColumnIndex _columns;

    internal RowSet(RowsResult? result, Func<byte[], CancellationToken, Task<RowSet>>? next)
    {
        _rows = result?.Rows ?? [];
        _columns = new ColumnIndex(result?.Columns ?? []);
        PagingState = result?.PagingState;
        _next = next;
    }

    public IReadOnlyList<CqlColumn> Columns => _columns.Columns;

    /// <summary>Where the next page begins; null on the last.</summary>
    public byte[]? PagingState { get; }

    /// <summary>False when the statement changed the schema and the nodes had not all taken it over within 10 s.</summary>
    public bool IsSchemaInAgreement { get; internal init; } = true;

    public bool IsFullyFetched => PagingState is null;

    public int Count => _rows.Length;

    public Row this[int index] => new(_columns, _rows[index]);

    /// <summary>False when a lightweight transaction's condition didn't hold; true for all else.</summary>
    public bool WasApplied => _rows.Length == 0 || !_columns.TryFind("[applied]", out var i) || (_rows[0][i] is { } bytes && (bool)ValueCodec.Decode(_columns.Columns[i].Type, bytes));

    public Row? FirstOrDefault() => Count > 0 ? this[0] : null;

    /// <exception cref="InvalidOperationException">This is the last page.</exception>
    public Task<RowSet> FetchNextPageAsync(CancellationToken cancellationToken) =>
        PagingState is { } state && _next is not null ? _next(state, cancellationToken) : throw new InvalidOperationException("There are no more pages.");

    public IEnumerator<Row> GetEnumerator()
    {
        for (var i = 0; i < Count; i++) yield return this[i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

/// <summary>A row; columns by name.</summary>
public sealed class Row
{
    private readonly ColumnIndex _columns;
    private readonly ReadOnlyMemory<byte>?[] _values;

    internal Row(ColumnIndex columns, ReadOnlyMemory<byte>?[] values)
    {
        _columns = columns;
        _values = values;
    }

    public bool IsNull(string column) => _values[_columns.Find(column)] is null;

    /// <summary>A column's value; for a null column the type's default if that is null, else an error.</summary>
    /// <exception cref="InvalidTypeException">No such column, or another type.</exception>
    public T GetValue<T>(string column)
    {
        var index = _columns.Find(column);
        if (_values[index] is not { } bytes)
        {
            return default(T) is null ? default! : throw new InvalidTypeException($"Column '{column}' is null.");
        }
        var type = _columns.Columns[index].Type;
        if (typeof(T) == typeof(ReadOnlyMemory<byte>) && type.Code == ColumnTypeCode.Blob) return (T)(object)bytes;
        return ValueCodec.Decode(type, bytes) is T value ? value : throw new InvalidTypeException($"Column '{column}' of type {type} is no {typeof(T).Name}.");
    }

    /// <summary>A list's or set's items. An empty one is stored as null, and comes back empty.</summary>
    /// <exception cref="InvalidTypeException">No such column, or items of another type.</exception>
    public IReadOnlyList<T> GetList<T>(string column) => [.. (GetValue<List<object?>?>(column) ?? []).Select(item => Item<T>(column, item))];

    /// <summary>A map's entries. An empty one is stored as null, and comes back empty.</summary>
    /// <exception cref="InvalidTypeException">No such column, or entries of other types.</exception>
    public IReadOnlyDictionary<TKey, TValue> GetMap<TKey, TValue>(string column)
        where TKey : notnull =>
        (GetValue<Dictionary<object, object?>?>(column) ?? []).ToDictionary(e => Item<TKey>(column, e.Key), e => Item<TValue>(column, e.Value));

    private static T Item<T>(string column, object? item) =>
        item is T value ? value : throw new InvalidTypeException($"Column '{column}' holds {item?.GetType().Name ?? "null"}, not {typeof(T).Name}.");
}

internal sealed class ColumnIndex(IReadOnlyList<CqlColumn> columns)
{
    private readonly Dictionary<string, int> _byName = Index(columns);

    public IReadOnlyList<CqlColumn> Columns { get; } = columns;

    public bool TryFind(string name, out int index) => _byName.TryGetValue(name, out index);

    public int Find(string name) => _byName.TryGetValue(name, out var index) ? index : throw new InvalidTypeException($"There is no column '{name}' in the result.");

    private static Dictionary<string, int> Index(IReadOnlyList<CqlColumn> columns)
    {
        var index = new Dictionary<string, int>(columns.Count);
        for (var i = 0; i < columns.Count; i++) index.TryAdd(columns[i].Name, i);
        return index;
    }
}
