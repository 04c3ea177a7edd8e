namespace MedPeft.Lora.Checkpoints.Pickle;

/// <summary>A run of elements in the file that tensors look into.</summary>
/// <param name="Key">Its name: that of the archive entry <c>data/Key</c>, or of the legacy stream's list.</param>
/// <param name="Type">Element type.</param>
/// <param name="Count">Elements.</param>
internal sealed record PickleStorage(string Key, ElementType Type, long Count)
{
    /// <summary>First element of this storage within that of the same key; not 0 only for views in the legacy stream.</summary>
    public long Start { get; init; }

    /// <summary>The storage of the whole key, if this is a view of it.</summary>
    public PickleStorage? Whole { get; init; }

    /// <summary>Bytes; the count was checked to fit.</summary>
    public long Bytes => Count * Type.Bytes;
}

/// <summary>A tensor: a shape laid over a storage. Checked to stay inside it.</summary>
/// <param name="Storage">Where the elements lie.</param>
/// <param name="Type">Element type; differs from the storage's if that is untyped.</param>
/// <param name="Offset">First element, counted in elements of this tensor's type.</param>
/// <param name="Shape">Size of each dimension.</param>
/// <param name="Stride">Elements between neighbours along each dimension.</param>
internal sealed record PickleTensor(PickleStorage Storage, ElementType Type, long Offset, long[] Shape, long[] Stride)
{
    /// <summary>Number of elements.</summary>
    public long Count { get; } = ElementType.Count(Shape) ?? throw new ArgumentException("The shape is too large.", nameof(Shape));

    /// <summary>Elements from the first to the last one, both included; 0 for an empty tensor.</summary>
    public long Span
    {
        get
        {
            if (Count == 0) return 0;
            long last = 0;
            for (var i = 0; i < Shape.Length; i++) last += (Shape[i] - 1) * Stride[i];
            return last + 1;
        }
    }

    /// <summary>True if the elements lie in the order of the dimensions, without gaps.</summary>
    public bool IsContiguous
    {
        get
        {
            long expected = 1;
            for (var i = Shape.Length - 1; i >= 0; i--)
            {
                if (Shape[i] != 1 && Stride[i] != expected) return Count == 0;
                expected *= Shape[i];
            }

            return true;
        }
    }
}
