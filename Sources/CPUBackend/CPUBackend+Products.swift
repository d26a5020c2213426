import CKernels
import Glibc
import Tensors

/// u = scale · A x of every branch, side by side in slots of one operand, and the inputs that dropout changed.
private final class LowRankStorage: BackendStorage {
  let u: Operand
  /// The branch's input after dropout, where it has dropout.
  let droppedInputs: [Operand?]

  init(u: Operand, droppedInputs: [Operand?]) {
    self.u = u
    self.droppedInputs = droppedInputs
  }
}

/// Slots of a low-rank operand: each branch's columns begin at a cache line, as products require of their inputs.
private func slots(_ branches: [LoRABranch]) -> (begins: [Int], width: Int) {
  var begins: [Int] = []
  var width = 0
  for branch in branches {
    begins.append(width)
    width += (branch.rank + 31) / 32 * 32
  }
  return (begins, width)
}

extension CPUBackend {
  public func project(
    _ x: Operand, by weight: FrozenWeight, branches: [LoRABranch], layout: BatchLayout, into destinations: [Destination]
  ) -> BranchActivations {
    var terms = [term(x.matrix.pointer, x.matrix, weight.kernelWeight, transposed: false, column: 0)]
    var storage: LowRankStorage?
    var outputs: [WeightStorage] = []
    if !branches.isEmpty {
      let made = lowRankInputs(x, branches, layout)
      let (begins, _) = slots(branches)
      for (branch, begin) in zip(branches, begins) {
        let b = WeightStorage(branch.b)
        outputs.append(b)
        terms.append(
          term(made.u.matrix.row(0, column: begin), made.u.matrix, b.weight, transposed: false, column: branch.outputs.lowerBound))
      }
      storage = made
    }
    var column = 0
    let places = destinations.map { destination in
      defer { column += destination.tensor.columns }
      return self.destination(destination, column: column)
    }
    withExtendedLifetime(outputs) { multiply(rows: x.rows, terms, places) }
    return BranchActivations(storage: storage)
  }

  private func lowRankInputs(_ x: Operand, _ branches: [LoRABranch], _ layout: BatchLayout) -> LowRankStorage {
    let (begins, width) = slots(branches)
    let u = makeOperand(rows: x.rows, columns: width)
    memset(u.matrix.pointer, 0, x.rows * u.matrix.stride * u.matrix.elementSize)
    let dropped = branches.map { branch in branch.dropout.map { drop(x, $0, layout) } }
    let a = branches.map { WeightStorage($0.a) }
    let terms = branches.indices.map { index in
      let input = (dropped[index] ?? x).matrix
      return term(input.pointer, input, a[index].weight, transposed: false, column: begins[index])
    }
    withExtendedLifetime(a) { multiply(rows: x.rows, terms, lowRankDestinations(u, branches, begins)) }
    clearRowsWithoutAdapters(u, layout)
    return LowRankStorage(u: u, droppedInputs: dropped)
  }

  public func pullBack(
    _ dy: Operand, through weight: FrozenWeight, branches: [LoRABranch], activations: BranchActivations, input: Operand?,
    layout: BatchLayout, into destination: Destination?
  ) {
    var terms = [term(dy.matrix.pointer, dy.matrix, weight.kernelWeight, transposed: true, column: 0)]
    var parameters: [WeightStorage] = []
    var dropping: [(LoRABranch.Dropout, puna_gemm_term)] = []
    var du: Operand?
    if !branches.isEmpty {
      guard let saved = activations.storage as? LowRankStorage else { preconditionFailure("branches without their activations") }
      let (begins, width) = slots(branches)
      let gradient = makeOperand(rows: dy.rows, columns: width)
      memset(gradient.matrix.pointer, 0, dy.rows * gradient.matrix.stride * gradient.matrix.elementSize)
      let b = branches.map { WeightStorage($0.b) }
      let lowRankTerms = branches.indices.map { index in
        term(
          dy.matrix.row(0, column: branches[index].outputs.lowerBound), dy.matrix, b[index].weight, transposed: true,
          column: begins[index])
      }
      withExtendedLifetime(b) { multiply(rows: dy.rows, lowRankTerms, lowRankDestinations(gradient, branches, begins)) }
      clearRowsWithoutAdapters(gradient, layout)
      for (index, branch) in branches.enumerated() {
        if branch.isTrained {
          guard let x = saved.droppedInputs[index] ?? input else { preconditionFailure("a trained branch needs the input of its product") }
          addRankGradients(branch, dy: dy, du: gradient, u: saved.u, slot: begins[index], x: x)
        }
        let a = WeightStorage(branch.a)
        parameters.append(a)
        let down = term(gradient.matrix.row(0, column: begins[index]), gradient.matrix, a.weight, transposed: true, column: 0)
        if let dropout = branch.dropout { dropping.append((dropout, down)) } else { terms.append(down) }
      }
      du = gradient
    }
    guard let destination else { return }
    withExtendedLifetime((parameters, du)) {
      if dropping.isEmpty {
        multiply(rows: dy.rows, terms, [self.destination(destination, column: 0)])
      } else {
        store(terms, dropping: dropping, rows: dy.rows, layout, into: destination)
      }
    }
  }

  /// Gradients of A and B; u and du carry the branch's scale.
  private func addRankGradients(_ branch: LoRABranch, dy: Operand, du: Operand, u: Operand, slot: Int, x: Operand) {
    guard let gradients = branch.a.set.gradients else { preconditionFailure("a trained set has gradients") }
    puna_rank_gradient(
      context, isBFloat16, Int32(dy.rows), Int32(branch.rank), Int32(branch.a.columns), du.matrix.row(0, column: slot), du.matrix.stride,
      x.matrix.pointer, x.matrix.stride, gradients.matrix.floats + branch.a.offset, branch.a.columns, 0)
    puna_rank_gradient(
      context, isBFloat16, Int32(dy.rows), Int32(branch.rank), Int32(branch.b.rows), u.matrix.row(0, column: slot), u.matrix.stride,
      dy.matrix.row(0, column: branch.outputs.lowerBound), dy.matrix.stride, gradients.matrix.floats + branch.b.offset, branch.rank, 1)
  }

  /// The gradient of an input that some branches saw through dropout: their share is masked before it is added.
  private func store(
    _ terms: [puna_gemm_term], dropping: [(LoRABranch.Dropout, puna_gemm_term)], rows: Int, _ layout: BatchLayout,
    into destination: Destination
  ) {
    let columns = destination.tensor.columns
    let sum = makeTensor(rows: rows, columns: columns, .float32)
    multiply(rows: rows, terms, [self.destination(.store(sum), column: 0)])
    let share = makeTensor(rows: rows, columns: columns, .float32)
    for (dropout, term) in dropping {
      multiply(rows: rows, [term], [self.destination(.store(share), column: 0)])
      puna_dropout_add(
        context, Int32(rows), Int32(columns), share.matrix.floats, share.matrix.stride, layout.rows.rowHashes, dropout.seed, dropout.salt,
        dropout.probability, sum.matrix.floats, sum.matrix.stride)
    }
    guard case .store(let tensor) = destination else { preconditionFailure("gradients of inputs are stored") }
    puna_convert(
      context, tensor.dtype == .bfloat16 ? 1 : 0, Int32(rows), Int32(columns), sum.matrix.floats, sum.matrix.stride, tensor.matrix.pointer,
      tensor.matrix.stride)
  }

  private func drop(_ x: Operand, _ dropout: LoRABranch.Dropout, _ layout: BatchLayout) -> Operand {
    let result = makeOperand(rows: x.rows, columns: x.columns)
    puna_dropout(
      context, isBFloat16, Int32(x.rows), Int32(x.columns), x.matrix.pointer, x.matrix.stride, layout.rows.rowHashes, dropout.seed,
      dropout.salt, dropout.probability, result.matrix.pointer, result.matrix.stride)
    return result
  }

  private func clearRowsWithoutAdapters(_ operand: Operand, _ layout: BatchLayout) {
    for rows in layout.rows.rowsWithoutAdapters {
      memset(operand.matrix.row(rows.lowerBound), 0, rows.count * operand.matrix.stride * operand.matrix.elementSize)
    }
  }

  // MARK: Calls of the driver

  func multiply(rows: Int, _ terms: [puna_gemm_term], _ destinations: [puna_destination]) {
    guard rows > 0 else { return }
    puna_gemm(context, isBFloat16, Int32(rows), terms, Int32(terms.count), destinations, Int32(destinations.count))
  }

  func term(
    _ x: UnsafeRawPointer, _ matrix: MatrixStorage, _ weight: UnsafePointer<puna_weight>, transposed: Bool, column: Int
  ) -> puna_gemm_term {
    puna_gemm_term(x: x, x_stride: matrix.stride, weight: weight, transposed: transposed ? 1 : 0, n_begin: Int32(column))
  }

  func destination(_ destination: Destination, column: Int) -> puna_destination {
    let tensor = destination.tensor
    let kind: puna_destination_kind
    switch destination {
    case .store: kind = tensor.dtype == .bfloat16 ? PUNA_STORE_BF16 : PUNA_STORE
    case .add:
      precondition(tensor.dtype == .float32, "sums are kept in float32")
      kind = PUNA_ADD
    }
    return puna_destination(
      kind: kind, y: tensor.matrix.pointer, y_stride: tensor.matrix.stride, n_begin: Int32(column), n_count: Int32(tensor.columns), scale: 1
    )
  }

  private func lowRankDestinations(_ u: Operand, _ branches: [LoRABranch], _ begins: [Int]) -> [puna_destination] {
    zip(branches, begins).map { branch, begin in
      puna_destination(
        kind: precision == .bfloat16 ? PUNA_STORE_BF16 : PUNA_STORE, y: u.matrix.row(0, column: begin), y_stride: u.matrix.stride,
        n_begin: Int32(begin), n_count: Int32(branch.rank), scale: branch.scale)
    }
  }
}
