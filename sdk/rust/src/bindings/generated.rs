pub type Description = wrun::task::types::Description;
pub type Plan = wrun::task::types::Plan;
pub type Json = wrun::task::types::Json;
#[doc(hidden)]
#[allow(non_snake_case, unused_unsafe)]
pub unsafe fn _export_describe_cabi<T_: Guest>() -> *mut u8 {
    unsafe {
        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
        let result0 = { T_::describe() };
        let ptr1 = (&raw mut _RET_AREA.0).cast::<u8>();
        let wrun::task::types::Description {
            id: id2,
            doc: doc2,
            tasks: tasks2,
            default_goal: default_goal2,
            policy: policy2,
        } = result0;
        let vec3 = (id2.into_bytes()).into_boxed_slice();
        let ptr3 = vec3.as_ptr().cast::<u8>();
        let len3 = vec3.len();
        ::core::mem::forget(vec3);
        *ptr1.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len3;
        *ptr1.add(0).cast::<*mut u8>() = ptr3.cast_mut();
        let vec4 = (doc2.into_bytes()).into_boxed_slice();
        let ptr4 = vec4.as_ptr().cast::<u8>();
        let len4 = vec4.len();
        ::core::mem::forget(vec4);
        *ptr1.add(3 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len4;
        *ptr1.add(2 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr4
            .cast_mut();
        let vec23 = tasks2;
        let len23 = vec23.len();
        let layout23 = _rt::alloc::Layout::from_size_align(
                vec23.len() * (96 + 12 * ::core::mem::size_of::<*const u8>()),
                8,
            )
            .unwrap();
        let (result23, _cleanup23) = wit_bindgen::rt::Cleanup::new(layout23);
        if let Some(cleanup) = _cleanup23 {
            cleanup.forget();
        }
        for (i, e) in vec23.into_iter().enumerate() {
            let base = result23.add(i * (96 + 12 * ::core::mem::size_of::<*const u8>()));
            {
                let wrun::task::types::TaskType {
                    name: name5,
                    doc: doc5,
                    params: params5,
                    outputs: outputs5,
                    limits: limits5,
                    version: version5,
                    dynamic: dynamic5,
                    native_nan: native_nan5,
                    retries: retries5,
                    policy: policy5,
                } = e;
                let vec6 = (name5.into_bytes()).into_boxed_slice();
                let ptr6 = vec6.as_ptr().cast::<u8>();
                let len6 = vec6.len();
                ::core::mem::forget(vec6);
                *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len6;
                *base.add(0).cast::<*mut u8>() = ptr6.cast_mut();
                let vec7 = (doc5.into_bytes()).into_boxed_slice();
                let ptr7 = vec7.as_ptr().cast::<u8>();
                let len7 = vec7.len();
                ::core::mem::forget(vec7);
                *base.add(3 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len7;
                *base.add(2 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr7
                    .cast_mut();
                let vec13 = params5;
                let len13 = vec13.len();
                let layout13 = _rt::alloc::Layout::from_size_align(
                        vec13.len() * (10 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    )
                    .unwrap();
                let (result13, _cleanup13) = wit_bindgen::rt::Cleanup::new(layout13);
                if let Some(cleanup) = _cleanup13 {
                    cleanup.forget();
                }
                for (i, e) in vec13.into_iter().enumerate() {
                    let base = result13
                        .add(i * (10 * ::core::mem::size_of::<*const u8>()));
                    {
                        let wrun::task::types::ParamSpec {
                            name: name8,
                            doc: doc8,
                            kind: kind8,
                            default: default8,
                            significant: significant8,
                            visibility: visibility8,
                            positional: positional8,
                        } = e;
                        let vec9 = (name8.into_bytes()).into_boxed_slice();
                        let ptr9 = vec9.as_ptr().cast::<u8>();
                        let len9 = vec9.len();
                        ::core::mem::forget(vec9);
                        *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len9;
                        *base.add(0).cast::<*mut u8>() = ptr9.cast_mut();
                        let vec10 = (doc8.into_bytes()).into_boxed_slice();
                        let ptr10 = vec10.as_ptr().cast::<u8>();
                        let len10 = vec10.len();
                        ::core::mem::forget(vec10);
                        *base
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len10;
                        *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr10.cast_mut();
                        let vec11 = (kind8.into_bytes()).into_boxed_slice();
                        let ptr11 = vec11.as_ptr().cast::<u8>();
                        let len11 = vec11.len();
                        ::core::mem::forget(vec11);
                        *base
                            .add(5 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len11;
                        *base
                            .add(4 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr11.cast_mut();
                        match default8 {
                            Some(e) => {
                                *base
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                let vec12 = (e.into_bytes()).into_boxed_slice();
                                let ptr12 = vec12.as_ptr().cast::<u8>();
                                let len12 = vec12.len();
                                ::core::mem::forget(vec12);
                                *base
                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len12;
                                *base
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr12.cast_mut();
                            }
                            None => {
                                *base
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        *base
                            .add(9 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (match significant8 {
                            true => 1,
                            false => 0,
                        }) as u8;
                        *base
                            .add(1 + 9 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (visibility8.clone() as i32) as u8;
                        *base
                            .add(2 + 9 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (match positional8 {
                            true => 1,
                            false => 0,
                        }) as u8;
                    }
                }
                *base.add(5 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len13;
                *base.add(4 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = result13;
                let vec16 = outputs5;
                let len16 = vec16.len();
                let layout16 = _rt::alloc::Layout::from_size_align(
                        vec16.len() * (3 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    )
                    .unwrap();
                let (result16, _cleanup16) = wit_bindgen::rt::Cleanup::new(layout16);
                if let Some(cleanup) = _cleanup16 {
                    cleanup.forget();
                }
                for (i, e) in vec16.into_iter().enumerate() {
                    let base = result16
                        .add(i * (3 * ::core::mem::size_of::<*const u8>()));
                    {
                        let wrun::task::types::Output { name: name14, kind: kind14 } = e;
                        let vec15 = (name14.into_bytes()).into_boxed_slice();
                        let ptr15 = vec15.as_ptr().cast::<u8>();
                        let len15 = vec15.len();
                        ::core::mem::forget(vec15);
                        *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len15;
                        *base.add(0).cast::<*mut u8>() = ptr15.cast_mut();
                        *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (kind14.clone() as i32) as u8;
                    }
                }
                *base.add(7 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len16;
                *base.add(6 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = result16;
                let wrun::task::types::Limits {
                    memory: memory17,
                    cpu_ms: cpu_ms17,
                    output_bytes: output_bytes17,
                    output_files: output_files17,
                    log_bytes: log_bytes17,
                } = limits5;
                match memory17 {
                    Some(e) => {
                        *base
                            .add(8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *base
                            .add(8 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *base
                            .add(8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match cpu_ms17 {
                    Some(e) => {
                        *base
                            .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *base
                            .add(24 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *base
                            .add(16 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match output_bytes17 {
                    Some(e) => {
                        *base
                            .add(32 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *base
                            .add(40 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *base
                            .add(32 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match output_files17 {
                    Some(e) => {
                        *base
                            .add(48 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *base
                            .add(56 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *base
                            .add(48 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match log_bytes17 {
                    Some(e) => {
                        *base
                            .add(64 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *base
                            .add(72 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *base
                            .add(64 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match version5 {
                    Some(e) => {
                        *base
                            .add(80 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        let vec18 = (e.into_bytes()).into_boxed_slice();
                        let ptr18 = vec18.as_ptr().cast::<u8>();
                        let len18 = vec18.len();
                        ::core::mem::forget(vec18);
                        *base
                            .add(80 + 10 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len18;
                        *base
                            .add(80 + 9 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr18.cast_mut();
                    }
                    None => {
                        *base
                            .add(80 + 8 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                *base.add(80 + 11 * ::core::mem::size_of::<*const u8>()).cast::<u8>() = (match dynamic5 {
                    true => 1,
                    false => 0,
                }) as u8;
                *base.add(81 + 11 * ::core::mem::size_of::<*const u8>()).cast::<u8>() = (match native_nan5 {
                    true => 1,
                    false => 0,
                }) as u8;
                *base.add(84 + 11 * ::core::mem::size_of::<*const u8>()).cast::<i32>() = _rt::as_i32(
                    retries5,
                );
                let vec22 = policy5;
                let len22 = vec22.len();
                let layout22 = _rt::alloc::Layout::from_size_align(
                        vec22.len() * (4 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    )
                    .unwrap();
                let (result22, _cleanup22) = wit_bindgen::rt::Cleanup::new(layout22);
                if let Some(cleanup) = _cleanup22 {
                    cleanup.forget();
                }
                for (i, e) in vec22.into_iter().enumerate() {
                    let base = result22
                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                    {
                        let (t19_0, t19_1) = e;
                        let vec20 = (t19_0.into_bytes()).into_boxed_slice();
                        let ptr20 = vec20.as_ptr().cast::<u8>();
                        let len20 = vec20.len();
                        ::core::mem::forget(vec20);
                        *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len20;
                        *base.add(0).cast::<*mut u8>() = ptr20.cast_mut();
                        let vec21 = (t19_1.into_bytes()).into_boxed_slice();
                        let ptr21 = vec21.as_ptr().cast::<u8>();
                        let len21 = vec21.len();
                        ::core::mem::forget(vec21);
                        *base
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len21;
                        *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr21.cast_mut();
                    }
                }
                *base
                    .add(88 + 12 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>() = len22;
                *base
                    .add(88 + 11 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>() = result22;
            }
        }
        *ptr1.add(5 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len23;
        *ptr1.add(4 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = result23;
        match default_goal2 {
            Some(e) => {
                *ptr1.add(6 * ::core::mem::size_of::<*const u8>()).cast::<u8>() = (1i32)
                    as u8;
                let vec24 = (e.into_bytes()).into_boxed_slice();
                let ptr24 = vec24.as_ptr().cast::<u8>();
                let len24 = vec24.len();
                ::core::mem::forget(vec24);
                *ptr1.add(8 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len24;
                *ptr1.add(7 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr24
                    .cast_mut();
            }
            None => {
                *ptr1.add(6 * ::core::mem::size_of::<*const u8>()).cast::<u8>() = (0i32)
                    as u8;
            }
        };
        let vec28 = policy2;
        let len28 = vec28.len();
        let layout28 = _rt::alloc::Layout::from_size_align(
                vec28.len() * (4 * ::core::mem::size_of::<*const u8>()),
                ::core::mem::size_of::<*const u8>(),
            )
            .unwrap();
        let (result28, _cleanup28) = wit_bindgen::rt::Cleanup::new(layout28);
        if let Some(cleanup) = _cleanup28 {
            cleanup.forget();
        }
        for (i, e) in vec28.into_iter().enumerate() {
            let base = result28.add(i * (4 * ::core::mem::size_of::<*const u8>()));
            {
                let (t25_0, t25_1) = e;
                let vec26 = (t25_0.into_bytes()).into_boxed_slice();
                let ptr26 = vec26.as_ptr().cast::<u8>();
                let len26 = vec26.len();
                ::core::mem::forget(vec26);
                *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len26;
                *base.add(0).cast::<*mut u8>() = ptr26.cast_mut();
                let vec27 = (t25_1.into_bytes()).into_boxed_slice();
                let ptr27 = vec27.as_ptr().cast::<u8>();
                let len27 = vec27.len();
                ::core::mem::forget(vec27);
                *base.add(3 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len27;
                *base.add(2 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr27
                    .cast_mut();
            }
        }
        *ptr1.add(10 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len28;
        *ptr1.add(9 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = result28;
        ptr1
    }
}
#[doc(hidden)]
#[allow(non_snake_case)]
pub unsafe fn __post_return_describe<T_: Guest>(arg0: *mut u8) {
    unsafe {
        let l0 = *arg0.add(0).cast::<*mut u8>();
        let l1 = *arg0.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
        _rt::cabi_dealloc(l0, l1, 1);
        let l2 = *arg0.add(2 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>();
        let l3 = *arg0.add(3 * ::core::mem::size_of::<*const u8>()).cast::<usize>();
        _rt::cabi_dealloc(l2, l3, 1);
        let l4 = *arg0.add(4 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>();
        let l5 = *arg0.add(5 * ::core::mem::size_of::<*const u8>()).cast::<usize>();
        let base37 = l4;
        let len37 = l5;
        for i in 0..len37 {
            let base = base37.add(i * (96 + 12 * ::core::mem::size_of::<*const u8>()));
            {
                let l6 = *base.add(0).cast::<*mut u8>();
                let l7 = *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
                _rt::cabi_dealloc(l6, l7, 1);
                let l8 = *base
                    .add(2 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l9 = *base
                    .add(3 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                _rt::cabi_dealloc(l8, l9, 1);
                let l10 = *base
                    .add(4 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l11 = *base
                    .add(5 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                let base21 = l10;
                let len21 = l11;
                for i in 0..len21 {
                    let base = base21
                        .add(i * (10 * ::core::mem::size_of::<*const u8>()));
                    {
                        let l12 = *base.add(0).cast::<*mut u8>();
                        let l13 = *base
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l12, l13, 1);
                        let l14 = *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l15 = *base
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l14, l15, 1);
                        let l16 = *base
                            .add(4 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l17 = *base
                            .add(5 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l16, l17, 1);
                        let l18 = i32::from(
                            *base
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>(),
                        );
                        match l18 {
                            0 => {}
                            _ => {
                                let l19 = *base
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l20 = *base
                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l19, l20, 1);
                            }
                        }
                    }
                }
                _rt::cabi_dealloc(
                    base21,
                    len21 * (10 * ::core::mem::size_of::<*const u8>()),
                    ::core::mem::size_of::<*const u8>(),
                );
                let l22 = *base
                    .add(6 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l23 = *base
                    .add(7 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                let base26 = l22;
                let len26 = l23;
                for i in 0..len26 {
                    let base = base26.add(i * (3 * ::core::mem::size_of::<*const u8>()));
                    {
                        let l24 = *base.add(0).cast::<*mut u8>();
                        let l25 = *base
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l24, l25, 1);
                    }
                }
                _rt::cabi_dealloc(
                    base26,
                    len26 * (3 * ::core::mem::size_of::<*const u8>()),
                    ::core::mem::size_of::<*const u8>(),
                );
                let l27 = i32::from(
                    *base.add(80 + 8 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                );
                match l27 {
                    0 => {}
                    _ => {
                        let l28 = *base
                            .add(80 + 9 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l29 = *base
                            .add(80 + 10 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l28, l29, 1);
                    }
                }
                let l30 = *base
                    .add(88 + 11 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l31 = *base
                    .add(88 + 12 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                let base36 = l30;
                let len36 = l31;
                for i in 0..len36 {
                    let base = base36.add(i * (4 * ::core::mem::size_of::<*const u8>()));
                    {
                        let l32 = *base.add(0).cast::<*mut u8>();
                        let l33 = *base
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l32, l33, 1);
                        let l34 = *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l35 = *base
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l34, l35, 1);
                    }
                }
                _rt::cabi_dealloc(
                    base36,
                    len36 * (4 * ::core::mem::size_of::<*const u8>()),
                    ::core::mem::size_of::<*const u8>(),
                );
            }
        }
        _rt::cabi_dealloc(
            base37,
            len37 * (96 + 12 * ::core::mem::size_of::<*const u8>()),
            8,
        );
        let l38 = i32::from(
            *arg0.add(6 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
        );
        match l38 {
            0 => {}
            _ => {
                let l39 = *arg0
                    .add(7 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l40 = *arg0
                    .add(8 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                _rt::cabi_dealloc(l39, l40, 1);
            }
        }
        let l41 = *arg0.add(9 * ::core::mem::size_of::<*const u8>()).cast::<*mut u8>();
        let l42 = *arg0.add(10 * ::core::mem::size_of::<*const u8>()).cast::<usize>();
        let base47 = l41;
        let len47 = l42;
        for i in 0..len47 {
            let base = base47.add(i * (4 * ::core::mem::size_of::<*const u8>()));
            {
                let l43 = *base.add(0).cast::<*mut u8>();
                let l44 = *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>();
                _rt::cabi_dealloc(l43, l44, 1);
                let l45 = *base
                    .add(2 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l46 = *base
                    .add(3 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                _rt::cabi_dealloc(l45, l46, 1);
            }
        }
        _rt::cabi_dealloc(
            base47,
            len47 * (4 * ::core::mem::size_of::<*const u8>()),
            ::core::mem::size_of::<*const u8>(),
        );
    }
}
#[doc(hidden)]
#[allow(non_snake_case, unused_unsafe)]
pub unsafe fn _export_declare_cabi<T_: Guest>(
    arg0: *mut u8,
    arg1: usize,
    arg2: *mut u8,
    arg3: usize,
) -> *mut u8 {
    unsafe {
        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
        let result2 = {
            let len0 = arg1;
            let bytes0 = _rt::Vec::from_raw_parts(arg0.cast(), len0, len0);
            let len1 = arg3;
            let bytes1 = _rt::Vec::from_raw_parts(arg2.cast(), len1, len1);
            T_::declare(_rt::string_lift(bytes0), _rt::string_lift(bytes1))
        };
        let ptr3 = (&raw mut _RET_AREA.0).cast::<u8>();
        match result2 {
            Ok(e) => {
                *ptr3.add(0).cast::<u8>() = (0i32) as u8;
                let wrun::task::types::Plan {
                    inputs: inputs4,
                    outputs: outputs4,
                    limits: limits4,
                    container: container4,
                    policy: policy4,
                } = e;
                let vec17 = inputs4;
                let len17 = vec17.len();
                let layout17 = _rt::alloc::Layout::from_size_align(
                        vec17.len() * (13 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    )
                    .unwrap();
                let (result17, _cleanup17) = wit_bindgen::rt::Cleanup::new(layout17);
                if let Some(cleanup) = _cleanup17 {
                    cleanup.forget();
                }
                for (i, e) in vec17.into_iter().enumerate() {
                    let base = result17
                        .add(i * (13 * ::core::mem::size_of::<*const u8>()));
                    {
                        let wrun::task::types::Input { name: name5, source: source5 } = e;
                        let vec6 = (name5.into_bytes()).into_boxed_slice();
                        let ptr6 = vec6.as_ptr().cast::<u8>();
                        let len6 = vec6.len();
                        ::core::mem::forget(vec6);
                        *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len6;
                        *base.add(0).cast::<*mut u8>() = ptr6.cast_mut();
                        use wrun::task::types::Source as V16;
                        match source5 {
                            V16::Task(e) => {
                                *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                                let wrun::task::types::TaskSource {
                                    call: call7,
                                    path: path7,
                                } = e;
                                let wrun::task::types::Call {
                                    plugin: plugin8,
                                    task: task8,
                                    params: params8,
                                } = call7;
                                match plugin8 {
                                    Some(e) => {
                                        *base
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let vec9 = (e.into_bytes()).into_boxed_slice();
                                        let ptr9 = vec9.as_ptr().cast::<u8>();
                                        let len9 = vec9.len();
                                        ::core::mem::forget(vec9);
                                        *base
                                            .add(5 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len9;
                                        *base
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr9.cast_mut();
                                    }
                                    None => {
                                        *base
                                            .add(3 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                    }
                                };
                                let vec10 = (task8.into_bytes()).into_boxed_slice();
                                let ptr10 = vec10.as_ptr().cast::<u8>();
                                let len10 = vec10.len();
                                ::core::mem::forget(vec10);
                                *base
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len10;
                                *base
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr10.cast_mut();
                                let vec11 = (params8.into_bytes()).into_boxed_slice();
                                let ptr11 = vec11.as_ptr().cast::<u8>();
                                let len11 = vec11.len();
                                ::core::mem::forget(vec11);
                                *base
                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len11;
                                *base
                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr11.cast_mut();
                                match path7 {
                                    Some(e) => {
                                        *base
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (1i32) as u8;
                                        let vec12 = (e.into_bytes()).into_boxed_slice();
                                        let ptr12 = vec12.as_ptr().cast::<u8>();
                                        let len12 = vec12.len();
                                        ::core::mem::forget(vec12);
                                        *base
                                            .add(12 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len12;
                                        *base
                                            .add(11 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>() = ptr12.cast_mut();
                                    }
                                    None => {
                                        *base
                                            .add(10 * ::core::mem::size_of::<*const u8>())
                                            .cast::<u8>() = (0i32) as u8;
                                    }
                                };
                            }
                            V16::External(e) => {
                                *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                let wrun::task::types::External {
                                    uri: uri13,
                                    mode: mode13,
                                    wait: wait13,
                                } = e;
                                let vec14 = (uri13.into_bytes()).into_boxed_slice();
                                let ptr14 = vec14.as_ptr().cast::<u8>();
                                let len14 = vec14.len();
                                ::core::mem::forget(vec14);
                                *base
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len14;
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr14.cast_mut();
                                *base
                                    .add(5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (mode13.clone() as i32) as u8;
                                *base
                                    .add(1 + 5 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (match wait13 {
                                    true => 1,
                                    false => 0,
                                }) as u8;
                            }
                            V16::Clock(e) => {
                                *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (2i32) as u8;
                                let vec15 = (e.into_bytes()).into_boxed_slice();
                                let ptr15 = vec15.as_ptr().cast::<u8>();
                                let len15 = vec15.len();
                                ::core::mem::forget(vec15);
                                *base
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len15;
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr15.cast_mut();
                            }
                        }
                    }
                }
                *ptr3.add(8 + 1 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len17;
                *ptr3.add(8).cast::<*mut u8>() = result17;
                let vec20 = outputs4;
                let len20 = vec20.len();
                let layout20 = _rt::alloc::Layout::from_size_align(
                        vec20.len() * (3 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    )
                    .unwrap();
                let (result20, _cleanup20) = wit_bindgen::rt::Cleanup::new(layout20);
                if let Some(cleanup) = _cleanup20 {
                    cleanup.forget();
                }
                for (i, e) in vec20.into_iter().enumerate() {
                    let base = result20
                        .add(i * (3 * ::core::mem::size_of::<*const u8>()));
                    {
                        let wrun::task::types::Output { name: name18, kind: kind18 } = e;
                        let vec19 = (name18.into_bytes()).into_boxed_slice();
                        let ptr19 = vec19.as_ptr().cast::<u8>();
                        let len19 = vec19.len();
                        ::core::mem::forget(vec19);
                        *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len19;
                        *base.add(0).cast::<*mut u8>() = ptr19.cast_mut();
                        *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (kind18.clone() as i32) as u8;
                    }
                }
                *ptr3.add(8 + 3 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len20;
                *ptr3
                    .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>() = result20;
                let wrun::task::types::Limits {
                    memory: memory21,
                    cpu_ms: cpu_ms21,
                    output_bytes: output_bytes21,
                    output_files: output_files21,
                    log_bytes: log_bytes21,
                } = limits4;
                match memory21 {
                    Some(e) => {
                        *ptr3
                            .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *ptr3
                            .add(16 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *ptr3
                            .add(8 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match cpu_ms21 {
                    Some(e) => {
                        *ptr3
                            .add(24 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *ptr3
                            .add(32 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *ptr3
                            .add(24 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match output_bytes21 {
                    Some(e) => {
                        *ptr3
                            .add(40 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *ptr3
                            .add(48 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *ptr3
                            .add(40 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match output_files21 {
                    Some(e) => {
                        *ptr3
                            .add(56 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *ptr3
                            .add(64 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *ptr3
                            .add(56 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match log_bytes21 {
                    Some(e) => {
                        *ptr3
                            .add(72 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        *ptr3
                            .add(80 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<i64>() = _rt::as_i64(e);
                    }
                    None => {
                        *ptr3
                            .add(72 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                match container4 {
                    Some(e) => {
                        *ptr3
                            .add(88 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (1i32) as u8;
                        let wrun::task::types::Container {
                            image: image22,
                            entrypoint: entrypoint22,
                            argv: argv22,
                            workdir: workdir22,
                            env: env22,
                            user: user22,
                            network: network22,
                            cpu_millis: cpu_millis22,
                            memory: memory22,
                            gpus: gpus22,
                            timeout_seconds: timeout_seconds22,
                            tmpfs: tmpfs22,
                            accepted_exit_codes: accepted_exit_codes22,
                            secrets: secrets22,
                            labels: labels22,
                            effect: effect22,
                        } = e;
                        let vec23 = (image22.into_bytes()).into_boxed_slice();
                        let ptr23 = vec23.as_ptr().cast::<u8>();
                        let len23 = vec23.len();
                        ::core::mem::forget(vec23);
                        *ptr3
                            .add(96 + 5 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len23;
                        *ptr3
                            .add(96 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr23.cast_mut();
                        match entrypoint22 {
                            Some(e) => {
                                *ptr3
                                    .add(96 + 6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                let vec25 = e;
                                let len25 = vec25.len();
                                let layout25 = _rt::alloc::Layout::from_size_align(
                                        vec25.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                        ::core::mem::size_of::<*const u8>(),
                                    )
                                    .unwrap();
                                let (result25, _cleanup25) = wit_bindgen::rt::Cleanup::new(
                                    layout25,
                                );
                                if let Some(cleanup) = _cleanup25 {
                                    cleanup.forget();
                                }
                                for (i, e) in vec25.into_iter().enumerate() {
                                    let base = result25
                                        .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let vec24 = (e.into_bytes()).into_boxed_slice();
                                        let ptr24 = vec24.as_ptr().cast::<u8>();
                                        let len24 = vec24.len();
                                        ::core::mem::forget(vec24);
                                        *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<usize>() = len24;
                                        *base.add(0).cast::<*mut u8>() = ptr24.cast_mut();
                                    }
                                }
                                *ptr3
                                    .add(96 + 8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len25;
                                *ptr3
                                    .add(96 + 7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = result25;
                            }
                            None => {
                                *ptr3
                                    .add(96 + 6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        let vec27 = argv22;
                        let len27 = vec27.len();
                        let layout27 = _rt::alloc::Layout::from_size_align(
                                vec27.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            )
                            .unwrap();
                        let (result27, _cleanup27) = wit_bindgen::rt::Cleanup::new(
                            layout27,
                        );
                        if let Some(cleanup) = _cleanup27 {
                            cleanup.forget();
                        }
                        for (i, e) in vec27.into_iter().enumerate() {
                            let base = result27
                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let vec26 = (e.into_bytes()).into_boxed_slice();
                                let ptr26 = vec26.as_ptr().cast::<u8>();
                                let len26 = vec26.len();
                                ::core::mem::forget(vec26);
                                *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len26;
                                *base.add(0).cast::<*mut u8>() = ptr26.cast_mut();
                            }
                        }
                        *ptr3
                            .add(96 + 10 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len27;
                        *ptr3
                            .add(96 + 9 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result27;
                        match workdir22 {
                            Some(e) => {
                                *ptr3
                                    .add(96 + 11 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                let vec28 = (e.into_bytes()).into_boxed_slice();
                                let ptr28 = vec28.as_ptr().cast::<u8>();
                                let len28 = vec28.len();
                                ::core::mem::forget(vec28);
                                *ptr3
                                    .add(96 + 13 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len28;
                                *ptr3
                                    .add(96 + 12 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr28.cast_mut();
                            }
                            None => {
                                *ptr3
                                    .add(96 + 11 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        let vec32 = env22;
                        let len32 = vec32.len();
                        let layout32 = _rt::alloc::Layout::from_size_align(
                                vec32.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            )
                            .unwrap();
                        let (result32, _cleanup32) = wit_bindgen::rt::Cleanup::new(
                            layout32,
                        );
                        if let Some(cleanup) = _cleanup32 {
                            cleanup.forget();
                        }
                        for (i, e) in vec32.into_iter().enumerate() {
                            let base = result32
                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                            {
                                let (t29_0, t29_1) = e;
                                let vec30 = (t29_0.into_bytes()).into_boxed_slice();
                                let ptr30 = vec30.as_ptr().cast::<u8>();
                                let len30 = vec30.len();
                                ::core::mem::forget(vec30);
                                *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len30;
                                *base.add(0).cast::<*mut u8>() = ptr30.cast_mut();
                                let vec31 = (t29_1.into_bytes()).into_boxed_slice();
                                let ptr31 = vec31.as_ptr().cast::<u8>();
                                let len31 = vec31.len();
                                ::core::mem::forget(vec31);
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len31;
                                *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr31.cast_mut();
                            }
                        }
                        *ptr3
                            .add(96 + 15 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len32;
                        *ptr3
                            .add(96 + 14 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result32;
                        match user22 {
                            Some(e) => {
                                *ptr3
                                    .add(96 + 16 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                let vec33 = (e.into_bytes()).into_boxed_slice();
                                let ptr33 = vec33.as_ptr().cast::<u8>();
                                let len33 = vec33.len();
                                ::core::mem::forget(vec33);
                                *ptr3
                                    .add(96 + 18 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len33;
                                *ptr3
                                    .add(96 + 17 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr33.cast_mut();
                            }
                            None => {
                                *ptr3
                                    .add(96 + 16 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        *ptr3
                            .add(96 + 19 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (network22.clone() as i32) as u8;
                        match cpu_millis22 {
                            Some(e) => {
                                *ptr3
                                    .add(96 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                *ptr3
                                    .add(104 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<i64>() = _rt::as_i64(e);
                            }
                            None => {
                                *ptr3
                                    .add(96 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        match memory22 {
                            Some(e) => {
                                *ptr3
                                    .add(112 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                *ptr3
                                    .add(120 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<i64>() = _rt::as_i64(e);
                            }
                            None => {
                                *ptr3
                                    .add(112 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        *ptr3
                            .add(128 + 20 * ::core::mem::size_of::<*const u8>())
                            .cast::<i32>() = _rt::as_i32(gpus22);
                        match timeout_seconds22 {
                            Some(e) => {
                                *ptr3
                                    .add(136 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                *ptr3
                                    .add(144 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<i64>() = _rt::as_i64(e);
                            }
                            None => {
                                *ptr3
                                    .add(136 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        match tmpfs22 {
                            Some(e) => {
                                *ptr3
                                    .add(152 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (1i32) as u8;
                                *ptr3
                                    .add(160 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<i64>() = _rt::as_i64(e);
                            }
                            None => {
                                *ptr3
                                    .add(152 + 20 * ::core::mem::size_of::<*const u8>())
                                    .cast::<u8>() = (0i32) as u8;
                            }
                        };
                        let vec34 = <_ as Into<_rt::Vec<_>>>::into(accepted_exit_codes22)
                            .into_boxed_slice();
                        let ptr34 = vec34.as_ptr().cast::<u8>();
                        let len34 = vec34.len();
                        ::core::mem::forget(vec34);
                        *ptr3
                            .add(168 + 21 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len34;
                        *ptr3
                            .add(168 + 20 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr34.cast_mut();
                        let vec36 = secrets22;
                        let len36 = vec36.len();
                        let layout36 = _rt::alloc::Layout::from_size_align(
                                vec36.len() * (2 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            )
                            .unwrap();
                        let (result36, _cleanup36) = wit_bindgen::rt::Cleanup::new(
                            layout36,
                        );
                        if let Some(cleanup) = _cleanup36 {
                            cleanup.forget();
                        }
                        for (i, e) in vec36.into_iter().enumerate() {
                            let base = result36
                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let vec35 = (e.into_bytes()).into_boxed_slice();
                                let ptr35 = vec35.as_ptr().cast::<u8>();
                                let len35 = vec35.len();
                                ::core::mem::forget(vec35);
                                *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len35;
                                *base.add(0).cast::<*mut u8>() = ptr35.cast_mut();
                            }
                        }
                        *ptr3
                            .add(168 + 23 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len36;
                        *ptr3
                            .add(168 + 22 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result36;
                        let vec40 = labels22;
                        let len40 = vec40.len();
                        let layout40 = _rt::alloc::Layout::from_size_align(
                                vec40.len() * (4 * ::core::mem::size_of::<*const u8>()),
                                ::core::mem::size_of::<*const u8>(),
                            )
                            .unwrap();
                        let (result40, _cleanup40) = wit_bindgen::rt::Cleanup::new(
                            layout40,
                        );
                        if let Some(cleanup) = _cleanup40 {
                            cleanup.forget();
                        }
                        for (i, e) in vec40.into_iter().enumerate() {
                            let base = result40
                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                            {
                                let (t37_0, t37_1) = e;
                                let vec38 = (t37_0.into_bytes()).into_boxed_slice();
                                let ptr38 = vec38.as_ptr().cast::<u8>();
                                let len38 = vec38.len();
                                ::core::mem::forget(vec38);
                                *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len38;
                                *base.add(0).cast::<*mut u8>() = ptr38.cast_mut();
                                let vec39 = (t37_1.into_bytes()).into_boxed_slice();
                                let ptr39 = vec39.as_ptr().cast::<u8>();
                                let len39 = vec39.len();
                                ::core::mem::forget(vec39);
                                *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>() = len39;
                                *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>() = ptr39.cast_mut();
                            }
                        }
                        *ptr3
                            .add(168 + 25 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len40;
                        *ptr3
                            .add(168 + 24 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = result40;
                        *ptr3
                            .add(168 + 26 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (match effect22 {
                            true => 1,
                            false => 0,
                        }) as u8;
                    }
                    None => {
                        *ptr3
                            .add(88 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<u8>() = (0i32) as u8;
                    }
                };
                let vec44 = policy4;
                let len44 = vec44.len();
                let layout44 = _rt::alloc::Layout::from_size_align(
                        vec44.len() * (4 * ::core::mem::size_of::<*const u8>()),
                        ::core::mem::size_of::<*const u8>(),
                    )
                    .unwrap();
                let (result44, _cleanup44) = wit_bindgen::rt::Cleanup::new(layout44);
                if let Some(cleanup) = _cleanup44 {
                    cleanup.forget();
                }
                for (i, e) in vec44.into_iter().enumerate() {
                    let base = result44
                        .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                    {
                        let (t41_0, t41_1) = e;
                        let vec42 = (t41_0.into_bytes()).into_boxed_slice();
                        let ptr42 = vec42.as_ptr().cast::<u8>();
                        let len42 = vec42.len();
                        ::core::mem::forget(vec42);
                        *base.add(::core::mem::size_of::<*const u8>()).cast::<usize>() = len42;
                        *base.add(0).cast::<*mut u8>() = ptr42.cast_mut();
                        let vec43 = (t41_1.into_bytes()).into_boxed_slice();
                        let ptr43 = vec43.as_ptr().cast::<u8>();
                        let len43 = vec43.len();
                        ::core::mem::forget(vec43);
                        *base
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>() = len43;
                        *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>() = ptr43.cast_mut();
                    }
                }
                *ptr3
                    .add(176 + 27 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>() = len44;
                *ptr3
                    .add(176 + 26 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>() = result44;
            }
            Err(e) => {
                *ptr3.add(0).cast::<u8>() = (1i32) as u8;
                let vec45 = (e.into_bytes()).into_boxed_slice();
                let ptr45 = vec45.as_ptr().cast::<u8>();
                let len45 = vec45.len();
                ::core::mem::forget(vec45);
                *ptr3.add(8 + 1 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len45;
                *ptr3.add(8).cast::<*mut u8>() = ptr45.cast_mut();
            }
        };
        ptr3
    }
}
#[doc(hidden)]
#[allow(non_snake_case)]
pub unsafe fn __post_return_declare<T_: Guest>(arg0: *mut u8) {
    unsafe {
        let l0 = i32::from(*arg0.add(0).cast::<u8>());
        match l0 {
            0 => {
                let l1 = *arg0.add(8).cast::<*mut u8>();
                let l2 = *arg0
                    .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                let base20 = l1;
                let len20 = l2;
                for i in 0..len20 {
                    let base = base20
                        .add(i * (13 * ::core::mem::size_of::<*const u8>()));
                    {
                        let l3 = *base.add(0).cast::<*mut u8>();
                        let l4 = *base
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l3, l4, 1);
                        let l5 = i32::from(
                            *base
                                .add(2 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>(),
                        );
                        match l5 {
                            0 => {
                                let l6 = i32::from(
                                    *base
                                        .add(3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>(),
                                );
                                match l6 {
                                    0 => {}
                                    _ => {
                                        let l7 = *base
                                            .add(4 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l8 = *base
                                            .add(5 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l7, l8, 1);
                                    }
                                }
                                let l9 = *base
                                    .add(6 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l10 = *base
                                    .add(7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l9, l10, 1);
                                let l11 = *base
                                    .add(8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l12 = *base
                                    .add(9 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l11, l12, 1);
                                let l13 = i32::from(
                                    *base
                                        .add(10 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>(),
                                );
                                match l13 {
                                    0 => {}
                                    _ => {
                                        let l14 = *base
                                            .add(11 * ::core::mem::size_of::<*const u8>())
                                            .cast::<*mut u8>();
                                        let l15 = *base
                                            .add(12 * ::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l14, l15, 1);
                                    }
                                }
                            }
                            1 => {
                                let l16 = *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l17 = *base
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l16, l17, 1);
                            }
                            _ => {
                                let l18 = *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l19 = *base
                                    .add(4 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l18, l19, 1);
                            }
                        }
                    }
                }
                _rt::cabi_dealloc(
                    base20,
                    len20 * (13 * ::core::mem::size_of::<*const u8>()),
                    ::core::mem::size_of::<*const u8>(),
                );
                let l21 = *arg0
                    .add(8 + 2 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l22 = *arg0
                    .add(8 + 3 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                let base25 = l21;
                let len25 = l22;
                for i in 0..len25 {
                    let base = base25.add(i * (3 * ::core::mem::size_of::<*const u8>()));
                    {
                        let l23 = *base.add(0).cast::<*mut u8>();
                        let l24 = *base
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l23, l24, 1);
                    }
                }
                _rt::cabi_dealloc(
                    base25,
                    len25 * (3 * ::core::mem::size_of::<*const u8>()),
                    ::core::mem::size_of::<*const u8>(),
                );
                let l26 = i32::from(
                    *arg0.add(88 + 4 * ::core::mem::size_of::<*const u8>()).cast::<u8>(),
                );
                match l26 {
                    0 => {}
                    _ => {
                        let l27 = *arg0
                            .add(96 + 4 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l28 = *arg0
                            .add(96 + 5 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l27, l28, 1);
                        let l29 = i32::from(
                            *arg0
                                .add(96 + 6 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>(),
                        );
                        match l29 {
                            0 => {}
                            _ => {
                                let l30 = *arg0
                                    .add(96 + 7 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l31 = *arg0
                                    .add(96 + 8 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                let base34 = l30;
                                let len34 = l31;
                                for i in 0..len34 {
                                    let base = base34
                                        .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                                    {
                                        let l32 = *base.add(0).cast::<*mut u8>();
                                        let l33 = *base
                                            .add(::core::mem::size_of::<*const u8>())
                                            .cast::<usize>();
                                        _rt::cabi_dealloc(l32, l33, 1);
                                    }
                                }
                                _rt::cabi_dealloc(
                                    base34,
                                    len34 * (2 * ::core::mem::size_of::<*const u8>()),
                                    ::core::mem::size_of::<*const u8>(),
                                );
                            }
                        }
                        let l35 = *arg0
                            .add(96 + 9 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l36 = *arg0
                            .add(96 + 10 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base39 = l35;
                        let len39 = l36;
                        for i in 0..len39 {
                            let base = base39
                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l37 = *base.add(0).cast::<*mut u8>();
                                let l38 = *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l37, l38, 1);
                            }
                        }
                        _rt::cabi_dealloc(
                            base39,
                            len39 * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                        let l40 = i32::from(
                            *arg0
                                .add(96 + 11 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>(),
                        );
                        match l40 {
                            0 => {}
                            _ => {
                                let l41 = *arg0
                                    .add(96 + 12 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l42 = *arg0
                                    .add(96 + 13 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l41, l42, 1);
                            }
                        }
                        let l43 = *arg0
                            .add(96 + 14 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l44 = *arg0
                            .add(96 + 15 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base49 = l43;
                        let len49 = l44;
                        for i in 0..len49 {
                            let base = base49
                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l45 = *base.add(0).cast::<*mut u8>();
                                let l46 = *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l45, l46, 1);
                                let l47 = *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l48 = *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l47, l48, 1);
                            }
                        }
                        _rt::cabi_dealloc(
                            base49,
                            len49 * (4 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                        let l50 = i32::from(
                            *arg0
                                .add(96 + 16 * ::core::mem::size_of::<*const u8>())
                                .cast::<u8>(),
                        );
                        match l50 {
                            0 => {}
                            _ => {
                                let l51 = *arg0
                                    .add(96 + 17 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l52 = *arg0
                                    .add(96 + 18 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l51, l52, 1);
                            }
                        }
                        let l53 = *arg0
                            .add(168 + 20 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l54 = *arg0
                            .add(168 + 21 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base55 = l53;
                        let len55 = l54;
                        _rt::cabi_dealloc(base55, len55 * 4, 4);
                        let l56 = *arg0
                            .add(168 + 22 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l57 = *arg0
                            .add(168 + 23 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base60 = l56;
                        let len60 = l57;
                        for i in 0..len60 {
                            let base = base60
                                .add(i * (2 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l58 = *base.add(0).cast::<*mut u8>();
                                let l59 = *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l58, l59, 1);
                            }
                        }
                        _rt::cabi_dealloc(
                            base60,
                            len60 * (2 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                        let l61 = *arg0
                            .add(168 + 24 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l62 = *arg0
                            .add(168 + 25 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        let base67 = l61;
                        let len67 = l62;
                        for i in 0..len67 {
                            let base = base67
                                .add(i * (4 * ::core::mem::size_of::<*const u8>()));
                            {
                                let l63 = *base.add(0).cast::<*mut u8>();
                                let l64 = *base
                                    .add(::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l63, l64, 1);
                                let l65 = *base
                                    .add(2 * ::core::mem::size_of::<*const u8>())
                                    .cast::<*mut u8>();
                                let l66 = *base
                                    .add(3 * ::core::mem::size_of::<*const u8>())
                                    .cast::<usize>();
                                _rt::cabi_dealloc(l65, l66, 1);
                            }
                        }
                        _rt::cabi_dealloc(
                            base67,
                            len67 * (4 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        );
                    }
                }
                let l68 = *arg0
                    .add(176 + 26 * ::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l69 = *arg0
                    .add(176 + 27 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                let base74 = l68;
                let len74 = l69;
                for i in 0..len74 {
                    let base = base74.add(i * (4 * ::core::mem::size_of::<*const u8>()));
                    {
                        let l70 = *base.add(0).cast::<*mut u8>();
                        let l71 = *base
                            .add(::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l70, l71, 1);
                        let l72 = *base
                            .add(2 * ::core::mem::size_of::<*const u8>())
                            .cast::<*mut u8>();
                        let l73 = *base
                            .add(3 * ::core::mem::size_of::<*const u8>())
                            .cast::<usize>();
                        _rt::cabi_dealloc(l72, l73, 1);
                    }
                }
                _rt::cabi_dealloc(
                    base74,
                    len74 * (4 * ::core::mem::size_of::<*const u8>()),
                    ::core::mem::size_of::<*const u8>(),
                );
            }
            _ => {
                let l75 = *arg0.add(8).cast::<*mut u8>();
                let l76 = *arg0
                    .add(8 + 1 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                _rt::cabi_dealloc(l75, l76, 1);
            }
        }
    }
}
#[doc(hidden)]
#[allow(non_snake_case, unused_unsafe)]
pub unsafe fn _export_run_cabi<T_: Guest>(
    arg0: *mut u8,
    arg1: usize,
    arg2: *mut u8,
    arg3: usize,
) -> *mut u8 {
    unsafe {
        #[cfg(target_arch = "wasm32")] _rt::run_ctors_once();
        let result2 = {
            let len0 = arg1;
            let bytes0 = _rt::Vec::from_raw_parts(arg0.cast(), len0, len0);
            let len1 = arg3;
            let bytes1 = _rt::Vec::from_raw_parts(arg2.cast(), len1, len1);
            T_::run(_rt::string_lift(bytes0), _rt::string_lift(bytes1))
        };
        let ptr3 = (&raw mut _RET_AREA.0).cast::<u8>();
        match result2 {
            Ok(_) => {
                *ptr3.add(0).cast::<u8>() = (0i32) as u8;
            }
            Err(e) => {
                *ptr3.add(0).cast::<u8>() = (1i32) as u8;
                let vec4 = (e.into_bytes()).into_boxed_slice();
                let ptr4 = vec4.as_ptr().cast::<u8>();
                let len4 = vec4.len();
                ::core::mem::forget(vec4);
                *ptr3.add(2 * ::core::mem::size_of::<*const u8>()).cast::<usize>() = len4;
                *ptr3.add(::core::mem::size_of::<*const u8>()).cast::<*mut u8>() = ptr4
                    .cast_mut();
            }
        };
        ptr3
    }
}
#[doc(hidden)]
#[allow(non_snake_case)]
pub unsafe fn __post_return_run<T_: Guest>(arg0: *mut u8) {
    unsafe {
        let l0 = i32::from(*arg0.add(0).cast::<u8>());
        match l0 {
            0 => {}
            _ => {
                let l1 = *arg0
                    .add(::core::mem::size_of::<*const u8>())
                    .cast::<*mut u8>();
                let l2 = *arg0
                    .add(2 * ::core::mem::size_of::<*const u8>())
                    .cast::<usize>();
                _rt::cabi_dealloc(l1, l2, 1);
            }
        }
    }
}
pub trait Guest {
    #[allow(async_fn_in_trait)]
    fn describe() -> Description;
    /// Everything that a call requires and makes. An error is a text for people.
    #[allow(async_fn_in_trait)]
    fn declare(
        task: _rt::String,
        params: Json,
    ) -> ::core::result::Result<Plan, _rt::String>;
    /// Makes the outputs. An error is a text for people.
    #[allow(async_fn_in_trait)]
    fn run(task: _rt::String, params: Json) -> ::core::result::Result<(), _rt::String>;
}
#[doc(hidden)]
#[macro_export]
macro_rules! __export_world_task_cabi {
    ($ty:ident with_types_in $($path_to_types:tt)*) => {
        const _ : () = { #[unsafe (export_name = "describe")] unsafe extern "C" fn
        export_describe() -> * mut u8 { unsafe { $($path_to_types)*::
        _export_describe_cabi::<$ty > () } } #[unsafe (export_name =
        "cabi_post_describe")] unsafe extern "C" fn _post_return_describe(arg0 : * mut
        u8,) { unsafe { $($path_to_types)*:: __post_return_describe::<$ty > (arg0) } }
        #[unsafe (export_name = "declare")] unsafe extern "C" fn export_declare(arg0 : *
        mut u8, arg1 : usize, arg2 : * mut u8, arg3 : usize,) -> * mut u8 { unsafe {
        $($path_to_types)*:: _export_declare_cabi::<$ty > (arg0, arg1, arg2, arg3) } }
        #[unsafe (export_name = "cabi_post_declare")] unsafe extern "C" fn
        _post_return_declare(arg0 : * mut u8,) { unsafe { $($path_to_types)*::
        __post_return_declare::<$ty > (arg0) } } #[unsafe (export_name = "run")] unsafe
        extern "C" fn export_run(arg0 : * mut u8, arg1 : usize, arg2 : * mut u8, arg3 :
        usize,) -> * mut u8 { unsafe { $($path_to_types)*:: _export_run_cabi::<$ty >
        (arg0, arg1, arg2, arg3) } } #[unsafe (export_name = "cabi_post_run")] unsafe
        extern "C" fn _post_return_run(arg0 : * mut u8,) { unsafe { $($path_to_types)*::
        __post_return_run::<$ty > (arg0) } } };
    };
}
#[doc(hidden)]
pub use __export_world_task_cabi;
#[repr(align(8))]
struct _RetArea(
    [::core::mem::MaybeUninit<u8>; 176 + 28 * ::core::mem::size_of::<*const u8>()],
);
static mut _RET_AREA: _RetArea = _RetArea(
    [::core::mem::MaybeUninit::uninit(); 176 + 28 * ::core::mem::size_of::<*const u8>()],
);
#[allow(dead_code, clippy::all)]
pub mod wrun {
    pub mod task {
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod types {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            /// A JSON text. Only the host parses and canonicalises params; a guest always gets canonical JSON:
            /// keys in order, no spaces, integers as digits of any length, dates and times as ISO 8601 text,
            /// durations as seconds.
            pub type Json = _rt::String;
            /// Named JSON texts that are in no key.
            pub type Policy = _rt::Vec<(_rt::String, Json)>;
            /// Who sees a param in listings.
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Visibility {
                Public,
                Hidden,
                Private,
            }
            impl ::core::fmt::Debug for Visibility {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Visibility::Public => {
                            f.debug_tuple("Visibility::Public").finish()
                        }
                        Visibility::Hidden => {
                            f.debug_tuple("Visibility::Hidden").finish()
                        }
                        Visibility::Private => {
                            f.debug_tuple("Visibility::Private").finish()
                        }
                    }
                }
            }
            impl Visibility {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Visibility {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Visibility::Public,
                        1 => Visibility::Hidden,
                        2 => Visibility::Private,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[derive(Clone)]
            pub struct ParamSpec {
                /// Lower-case letters, digits, `-` and `_`.
                pub name: _rt::String,
                pub doc: _rt::String,
                /// `string`, `int`, `int(1..31)`, `float`, `float(0..1)`, `bool`, `date`, `month`, `year`, `hour`,
                /// `minute`, `second`, `interval`, `duration`, `path`, `task`, `enum(a|b)`, `list<T>`,
                /// `tuple<T,U>`, `map<T>` or `optional<T>`.
                pub kind: _rt::String,
                /// Without a default a param must be given, unless it is optional.
                pub default: ::core::option::Option<Json>,
                /// Whether it is in the key. One that is not, and the text of a `path`, cannot be read by `run`,
                /// which sees the token `{{wrun:NAME}}` in its place and may pass that on to `need`.
                pub significant: bool,
                pub visibility: Visibility,
                /// Whether it may be given by position.
                pub positional: bool,
            }
            impl ::core::fmt::Debug for ParamSpec {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("ParamSpec")
                        .field("name", &self.name)
                        .field("doc", &self.doc)
                        .field("kind", &self.kind)
                        .field("default", &self.default)
                        .field("significant", &self.significant)
                        .field("visibility", &self.visibility)
                        .field("positional", &self.positional)
                        .finish()
                }
            }
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum OutputKind {
                File,
                Directory,
            }
            impl ::core::fmt::Debug for OutputKind {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        OutputKind::File => f.debug_tuple("OutputKind::File").finish(),
                        OutputKind::Directory => {
                            f.debug_tuple("OutputKind::Directory").finish()
                        }
                    }
                }
            }
            impl OutputKind {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> OutputKind {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => OutputKind::File,
                        1 => OutputKind::Directory,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            /// One declared output: a single path component under `/out`. A directory named `.`, alone, is all
            /// of `/out`.
            #[derive(Clone)]
            pub struct Output {
                pub name: _rt::String,
                pub kind: OutputKind,
            }
            impl ::core::fmt::Debug for Output {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Output")
                        .field("name", &self.name)
                        .field("kind", &self.kind)
                        .finish()
                }
            }
            /// Caps of one run. None is in a key.
            #[repr(C)]
            #[derive(Clone, Copy)]
            pub struct Limits {
                /// Bytes of linear memory.
                pub memory: ::core::option::Option<u64>,
                /// Milliseconds of CPU time.
                pub cpu_ms: ::core::option::Option<u64>,
                /// Bytes under `/out`.
                pub output_bytes: ::core::option::Option<u64>,
                /// Files and directories under `/out`.
                pub output_files: ::core::option::Option<u64>,
                /// Bytes of log that are kept.
                pub log_bytes: ::core::option::Option<u64>,
            }
            impl ::core::fmt::Debug for Limits {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Limits")
                        .field("memory", &self.memory)
                        .field("cpu-ms", &self.cpu_ms)
                        .field("output-bytes", &self.output_bytes)
                        .field("output-files", &self.output_files)
                        .field("log-bytes", &self.log_bytes)
                        .finish()
                }
            }
            #[derive(Clone)]
            pub struct TaskType {
                /// Lower-case letters, digits and `-`.
                pub name: _rt::String,
                pub doc: _rt::String,
                pub params: _rt::Vec<ParamSpec>,
                /// Where they are the same for all params; empty where they are not.
                pub outputs: _rt::Vec<Output>,
                pub limits: Limits,
                /// A promise: equal versions make equal bytes, whatever the component. In the key instead of the
                /// component's digest.
                pub version: ::core::option::Option<_rt::String>,
                /// Whether `run` may call `need`.
                pub dynamic: bool,
                /// Opts out of canonical NaNs.
                pub native_nan: bool,
                /// How often a failed attempt is repeated.
                pub retries: u32,
                pub policy: Policy,
            }
            impl ::core::fmt::Debug for TaskType {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("TaskType")
                        .field("name", &self.name)
                        .field("doc", &self.doc)
                        .field("params", &self.params)
                        .field("outputs", &self.outputs)
                        .field("limits", &self.limits)
                        .field("version", &self.version)
                        .field("dynamic", &self.dynamic)
                        .field("native-nan", &self.native_nan)
                        .field("retries", &self.retries)
                        .field("policy", &self.policy)
                        .finish()
                }
            }
            #[derive(Clone)]
            pub struct Description {
                /// A stable id of the plugin: lower-case letters, digits and `-`.
                pub id: _rt::String,
                pub doc: _rt::String,
                pub tasks: _rt::Vec<TaskType>,
                /// The task that is meant where none is named.
                pub default_goal: ::core::option::Option<_rt::String>,
                pub policy: Policy,
            }
            impl ::core::fmt::Debug for Description {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Description")
                        .field("id", &self.id)
                        .field("doc", &self.doc)
                        .field("tasks", &self.tasks)
                        .field("default-goal", &self.default_goal)
                        .field("policy", &self.policy)
                        .finish()
                }
            }
            /// A symbolic call of a task.
            #[derive(Clone)]
            pub struct Call {
                /// An alias from wrun.toml; none is this plugin itself.
                pub plugin: ::core::option::Option<_rt::String>,
                pub task: _rt::String,
                /// An object. Params with a default need not be in it.
                pub params: Json,
            }
            impl ::core::fmt::Debug for Call {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Call")
                        .field("plugin", &self.plugin)
                        .field("task", &self.task)
                        .field("params", &self.params)
                        .finish()
                }
            }
            #[derive(Clone)]
            pub struct TaskSource {
                pub call: Call,
                /// A path inside its output; then only that part counts.
                pub path: ::core::option::Option<_rt::String>,
            }
            impl ::core::fmt::Debug for TaskSource {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("TaskSource")
                        .field("call", &self.call)
                        .field("path", &self.path)
                        .finish()
                }
            }
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum ExternalMode {
                /// Names and bytes.
                Content,
                /// Names and sizes: the input shows as one file, `listing`, of lines `<size>\t<path>`.
                Listing,
            }
            impl ::core::fmt::Debug for ExternalMode {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        ExternalMode::Content => {
                            f.debug_tuple("ExternalMode::Content").finish()
                        }
                        ExternalMode::Listing => {
                            f.debug_tuple("ExternalMode::Listing").finish()
                        }
                    }
                }
            }
            impl ExternalMode {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> ExternalMode {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => ExternalMode::Content,
                        1 => ExternalMode::Listing,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[derive(Clone)]
            pub struct External {
                /// `file:PATH`: a file, a folder, or a glob. A text without scheme is a path; a relative one
                /// starts at the folder of wrun.toml.
                pub uri: _rt::String,
                pub mode: ExternalMode,
                /// Wait for it where it is missing, instead of failing.
                pub wait: bool,
            }
            impl ::core::fmt::Debug for External {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("External")
                        .field("uri", &self.uri)
                        .field("mode", &self.mode)
                        .field("wait", &self.wait)
                        .finish()
                }
            }
            #[derive(Clone)]
            pub enum Source {
                Task(TaskSource),
                External(External),
                /// Not before this instant, RFC 3339. It gates, and is in no key.
                Clock(_rt::String),
            }
            impl ::core::fmt::Debug for Source {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Source::Task(e) => {
                            f.debug_tuple("Source::Task").field(e).finish()
                        }
                        Source::External(e) => {
                            f.debug_tuple("Source::External").field(e).finish()
                        }
                        Source::Clock(e) => {
                            f.debug_tuple("Source::Clock").field(e).finish()
                        }
                    }
                }
            }
            #[derive(Clone)]
            pub struct Input {
                /// It shows at `/in/<name>/`, always a folder.
                pub name: _rt::String,
                pub source: Source,
            }
            impl ::core::fmt::Debug for Input {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Input")
                        .field("name", &self.name)
                        .field("source", &self.source)
                        .finish()
                }
            }
            #[repr(u8)]
            #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
            pub enum Network {
                None,
                Full,
            }
            impl ::core::fmt::Debug for Network {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    match self {
                        Network::None => f.debug_tuple("Network::None").finish(),
                        Network::Full => f.debug_tuple("Network::Full").finish(),
                    }
                }
            }
            impl Network {
                #[doc(hidden)]
                pub unsafe fn _lift(val: u8) -> Network {
                    if !cfg!(debug_assertions) {
                        return unsafe { ::core::mem::transmute(val) };
                    }
                    match val {
                        0 => Network::None,
                        1 => Network::Full,
                        _ => panic!("invalid enum discriminant"),
                    }
                }
            }
            #[derive(Clone)]
            pub struct Container {
                pub image: _rt::String,
                pub entrypoint: ::core::option::Option<_rt::Vec<_rt::String>>,
                pub argv: _rt::Vec<_rt::String>,
                pub workdir: ::core::option::Option<_rt::String>,
                pub env: _rt::Vec<(_rt::String, _rt::String)>,
                pub user: ::core::option::Option<_rt::String>,
                pub network: Network,
                pub cpu_millis: ::core::option::Option<u64>,
                pub memory: ::core::option::Option<u64>,
                pub gpus: u32,
                pub timeout_seconds: ::core::option::Option<u64>,
                pub tmpfs: ::core::option::Option<u64>,
                pub accepted_exit_codes: _rt::Vec<i32>,
                pub secrets: _rt::Vec<_rt::String>,
                pub labels: _rt::Vec<(_rt::String, _rt::String)>,
                /// It acts on the world: never repeated to verify, at least once is what is promised.
                pub effect: bool,
            }
            impl ::core::fmt::Debug for Container {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Container")
                        .field("image", &self.image)
                        .field("entrypoint", &self.entrypoint)
                        .field("argv", &self.argv)
                        .field("workdir", &self.workdir)
                        .field("env", &self.env)
                        .field("user", &self.user)
                        .field("network", &self.network)
                        .field("cpu-millis", &self.cpu_millis)
                        .field("memory", &self.memory)
                        .field("gpus", &self.gpus)
                        .field("timeout-seconds", &self.timeout_seconds)
                        .field("tmpfs", &self.tmpfs)
                        .field("accepted-exit-codes", &self.accepted_exit_codes)
                        .field("secrets", &self.secrets)
                        .field("labels", &self.labels)
                        .field("effect", &self.effect)
                        .finish()
                }
            }
            #[derive(Clone)]
            pub struct Plan {
                pub inputs: _rt::Vec<Input>,
                pub outputs: _rt::Vec<Output>,
                pub limits: Limits,
                /// The container that does the work, instead of `run`.
                pub container: ::core::option::Option<Container>,
                pub policy: Policy,
            }
            impl ::core::fmt::Debug for Plan {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("Plan")
                        .field("inputs", &self.inputs)
                        .field("outputs", &self.outputs)
                        .field("limits", &self.limits)
                        .field("container", &self.container)
                        .field("policy", &self.policy)
                        .finish()
                }
            }
            /// One task that a running guest needs.
            #[derive(Clone)]
            pub struct NeedItem {
                /// Its output appears at `/in/<name>/`. A name that is there already must be of the same content.
                pub name: _rt::String,
                pub source: TaskSource,
            }
            impl ::core::fmt::Debug for NeedItem {
                fn fmt(
                    &self,
                    f: &mut ::core::fmt::Formatter<'_>,
                ) -> ::core::fmt::Result {
                    f.debug_struct("NeedItem")
                        .field("name", &self.name)
                        .field("source", &self.source)
                        .finish()
                }
            }
        }
        /// What a running task may ask of the host.
        #[allow(dead_code, async_fn_in_trait, unused_imports, clippy::all)]
        pub mod host {
            #[used]
            #[doc(hidden)]
            static __FORCE_SECTION_REF: fn() = super::super::super::__link_custom_section_describing_imports;
            use super::super::super::_rt;
            pub type NeedItem = super::super::super::wrun::task::types::NeedItem;
            #[allow(unused_unsafe, clippy::all)]
            /// Suspends the task until all of these are there, holding no slot. It returns only on success: a
            /// need that fails ends the task as blocked.
            #[allow(async_fn_in_trait)]
            pub fn need(items: &[NeedItem]) -> () {
                unsafe {
                    let vec8 = items;
                    let len8 = vec8.len();
                    let layout8 = _rt::alloc::Layout::from_size_align(
                            vec8.len() * (12 * ::core::mem::size_of::<*const u8>()),
                            ::core::mem::size_of::<*const u8>(),
                        )
                        .unwrap();
                    let (result8, _cleanup8) = wit_bindgen::rt::Cleanup::new(layout8);
                    for (i, e) in vec8.into_iter().enumerate() {
                        let base = result8
                            .add(i * (12 * ::core::mem::size_of::<*const u8>()));
                        {
                            let super::super::super::wrun::task::types::NeedItem {
                                name: name0,
                                source: source0,
                            } = e;
                            let vec1 = name0;
                            let ptr1 = vec1.as_ptr().cast::<u8>();
                            let len1 = vec1.len();
                            *base
                                .add(::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len1;
                            *base.add(0).cast::<*mut u8>() = ptr1.cast_mut();
                            let super::super::super::wrun::task::types::TaskSource {
                                call: call2,
                                path: path2,
                            } = source0;
                            let super::super::super::wrun::task::types::Call {
                                plugin: plugin3,
                                task: task3,
                                params: params3,
                            } = call2;
                            match plugin3 {
                                Some(e) => {
                                    *base
                                        .add(2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>() = (1i32) as u8;
                                    let vec4 = e;
                                    let ptr4 = vec4.as_ptr().cast::<u8>();
                                    let len4 = vec4.len();
                                    *base
                                        .add(4 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>() = len4;
                                    *base
                                        .add(3 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>() = ptr4.cast_mut();
                                }
                                None => {
                                    *base
                                        .add(2 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>() = (0i32) as u8;
                                }
                            };
                            let vec5 = task3;
                            let ptr5 = vec5.as_ptr().cast::<u8>();
                            let len5 = vec5.len();
                            *base
                                .add(6 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len5;
                            *base
                                .add(5 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr5.cast_mut();
                            let vec6 = params3;
                            let ptr6 = vec6.as_ptr().cast::<u8>();
                            let len6 = vec6.len();
                            *base
                                .add(8 * ::core::mem::size_of::<*const u8>())
                                .cast::<usize>() = len6;
                            *base
                                .add(7 * ::core::mem::size_of::<*const u8>())
                                .cast::<*mut u8>() = ptr6.cast_mut();
                            match path2 {
                                Some(e) => {
                                    *base
                                        .add(9 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>() = (1i32) as u8;
                                    let vec7 = e;
                                    let ptr7 = vec7.as_ptr().cast::<u8>();
                                    let len7 = vec7.len();
                                    *base
                                        .add(11 * ::core::mem::size_of::<*const u8>())
                                        .cast::<usize>() = len7;
                                    *base
                                        .add(10 * ::core::mem::size_of::<*const u8>())
                                        .cast::<*mut u8>() = ptr7.cast_mut();
                                }
                                None => {
                                    *base
                                        .add(9 * ::core::mem::size_of::<*const u8>())
                                        .cast::<u8>() = (0i32) as u8;
                                }
                            };
                        }
                    }
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wrun:task/host@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "need"]
                        fn wit_import9(_: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import9(_: *mut u8, _: usize) {
                        unreachable!()
                    }
                    wit_import9(result8, len8);
                }
            }
            #[allow(unused_unsafe, clippy::all)]
            /// Says how far the task is, from 0 to 1, and in its own words.
            #[allow(async_fn_in_trait)]
            pub fn progress(fraction: ::core::option::Option<f64>, message: &str) -> () {
                unsafe {
                    let (result0_0, result0_1) = match fraction {
                        Some(e) => (1i32, _rt::as_f64(e)),
                        None => (0i32, 0.0f64),
                    };
                    let vec1 = message;
                    let ptr1 = vec1.as_ptr().cast::<u8>();
                    let len1 = vec1.len();
                    #[cfg(target_arch = "wasm32")]
                    #[link(wasm_import_module = "wrun:task/host@0.1.0")]
                    unsafe extern "C" {
                        #[link_name = "progress"]
                        fn wit_import2(_: i32, _: f64, _: *mut u8, _: usize);
                    }
                    #[cfg(not(target_arch = "wasm32"))]
                    unsafe extern "C" fn wit_import2(
                        _: i32,
                        _: f64,
                        _: *mut u8,
                        _: usize,
                    ) {
                        unreachable!()
                    }
                    wit_import2(result0_0, result0_1, ptr1.cast_mut(), len1);
                }
            }
        }
    }
}
mod _rt {
    #![allow(dead_code, unused_imports, clippy::all)]
    pub use alloc_crate::string::String;
    pub use alloc_crate::vec::Vec;
    pub use alloc_crate::alloc;
    pub fn as_f64<T: AsF64>(t: T) -> f64 {
        t.as_f64()
    }
    pub trait AsF64 {
        fn as_f64(self) -> f64;
    }
    impl<'a, T: Copy + AsF64> AsF64 for &'a T {
        fn as_f64(self) -> f64 {
            (*self).as_f64()
        }
    }
    impl AsF64 for f64 {
        #[inline]
        fn as_f64(self) -> f64 {
            self as f64
        }
    }
    #[cfg(target_arch = "wasm32")]
    pub fn run_ctors_once() {
        wit_bindgen::rt::run_ctors_once();
    }
    pub fn as_i64<T: AsI64>(t: T) -> i64 {
        t.as_i64()
    }
    pub trait AsI64 {
        fn as_i64(self) -> i64;
    }
    impl<'a, T: Copy + AsI64> AsI64 for &'a T {
        fn as_i64(self) -> i64 {
            (*self).as_i64()
        }
    }
    impl AsI64 for i64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    impl AsI64 for u64 {
        #[inline]
        fn as_i64(self) -> i64 {
            self as i64
        }
    }
    pub fn as_i32<T: AsI32>(t: T) -> i32 {
        t.as_i32()
    }
    pub trait AsI32 {
        fn as_i32(self) -> i32;
    }
    impl<'a, T: Copy + AsI32> AsI32 for &'a T {
        fn as_i32(self) -> i32 {
            (*self).as_i32()
        }
    }
    impl AsI32 for i32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u32 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u16 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for i8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for u8 {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for char {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    impl AsI32 for usize {
        #[inline]
        fn as_i32(self) -> i32 {
            self as i32
        }
    }
    pub unsafe fn cabi_dealloc(ptr: *mut u8, size: usize, align: usize) {
        if size == 0 {
            return;
        }
        unsafe {
            let layout = alloc::Layout::from_size_align_unchecked(size, align);
            alloc::dealloc(ptr, layout);
        }
    }
    pub unsafe fn string_lift(bytes: Vec<u8>) -> String {
        if cfg!(debug_assertions) {
            String::from_utf8(bytes).unwrap()
        } else {
            unsafe { String::from_utf8_unchecked(bytes) }
        }
    }
    extern crate alloc as alloc_crate;
}
/// Generates `#[unsafe(no_mangle)]` functions to export the specified type as
/// the root implementation of all generated traits.
///
/// For more information see the documentation of `wit_bindgen::generate!`.
///
/// ```rust
/// # macro_rules! export_component{ ($($t:tt)*) => (); }
/// # trait Guest {}
/// struct MyType;
///
/// impl Guest for MyType {
///     // ...
/// }
///
/// export_component!(MyType);
/// ```
#[allow(unused_macros)]
#[doc(hidden)]
#[macro_export]
macro_rules! __export_task_impl {
    ($ty:ident) => {
        wrun_task::__private::bindings::export_component!($ty with_types_in
        wrun_task::__private::bindings);
    };
    ($ty:ident with_types_in $($path_to_types_root:tt)*) => {
        $($path_to_types_root)*:: __export_world_task_cabi!($ty with_types_in
        $($path_to_types_root)*); const _ : () = { #[cfg(target_arch = "wasm32")]
        #[unsafe (link_section =
        "component-type:wit-bindgen:0.63.0:wrun:task@0.1.0:task:imports and exports")]
        #[doc(hidden)] #[allow(clippy::octal_escapes)] pub static
        __WIT_BINDGEN_COMPONENT_TYPE : [u8; 1448] = *
        b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xad\x0a\x01A\x02\x01\
A\x13\x01B4\x01s\x04\0\x04json\x03\0\0\x01o\x02s\x01\x01p\x02\x04\0\x06policy\x03\
\0\x03\x01m\x03\x06public\x06hidden\x07private\x04\0\x0avisibility\x03\0\x05\x01\
k\x01\x01r\x07\x04names\x03docs\x04kinds\x07default\x07\x0bsignificant\x7f\x0avi\
sibility\x06\x0apositional\x7f\x04\0\x0aparam-spec\x03\0\x08\x01m\x02\x04file\x09\
directory\x04\0\x0boutput-kind\x03\0\x0a\x01r\x02\x04names\x04kind\x0b\x04\0\x06\
output\x03\0\x0c\x01kw\x01r\x05\x06memory\x0e\x06cpu-ms\x0e\x0coutput-bytes\x0e\x0c\
output-files\x0e\x09log-bytes\x0e\x04\0\x06limits\x03\0\x0f\x01p\x09\x01p\x0d\x01\
ks\x01r\x0a\x04names\x03docs\x06params\x11\x07outputs\x12\x06limits\x10\x07versi\
on\x13\x07dynamic\x7f\x0anative-nan\x7f\x07retriesy\x06policy\x04\x04\0\x09task-\
type\x03\0\x14\x01p\x15\x01r\x05\x02ids\x03docs\x05tasks\x16\x0cdefault-goal\x13\
\x06policy\x04\x04\0\x0bdescription\x03\0\x17\x01r\x03\x06plugin\x13\x04tasks\x06\
params\x01\x04\0\x04call\x03\0\x19\x01r\x02\x04call\x1a\x04path\x13\x04\0\x0btas\
k-source\x03\0\x1b\x01m\x02\x07content\x07listing\x04\0\x0dexternal-mode\x03\0\x1d\
\x01r\x03\x03uris\x04mode\x1e\x04wait\x7f\x04\0\x08external\x03\0\x1f\x01q\x03\x04\
task\x01\x1c\0\x08external\x01\x20\0\x05clock\x01s\0\x04\0\x06source\x03\0!\x01r\
\x02\x04names\x06source\"\x04\0\x05input\x03\0#\x01m\x02\x04none\x04full\x04\0\x07\
network\x03\0%\x01ps\x01k'\x01o\x02ss\x01p)\x01pz\x01r\x10\x05images\x0aentrypoi\
nt(\x04argv'\x07workdir\x13\x03env*\x04user\x13\x07network&\x0acpu-millis\x0e\x06\
memory\x0e\x04gpusy\x0ftimeout-seconds\x0e\x05tmpfs\x0e\x13accepted-exit-codes+\x07\
secrets'\x06labels*\x06effect\x7f\x04\0\x09container\x03\0,\x01p$\x01k-\x01r\x05\
\x06inputs.\x07outputs\x12\x06limits\x10\x09container/\x06policy\x04\x04\0\x04pl\
an\x03\00\x01r\x02\x04names\x06source\x1c\x04\0\x09need-item\x03\02\x03\0\x15wru\
n:task/types@0.1.0\x05\0\x02\x03\0\0\x09need-item\x01B\x08\x02\x03\x02\x01\x01\x04\
\0\x09need-item\x03\0\0\x01p\x01\x01@\x01\x05items\x02\x01\0\x04\0\x04need\x01\x03\
\x01ku\x01@\x02\x08fraction\x04\x07messages\x01\0\x04\0\x08progress\x01\x05\x03\0\
\x14wrun:task/host@0.1.0\x05\x02\x02\x03\0\0\x0bdescription\x03\0\x0bdescription\
\x03\0\x03\x02\x03\0\0\x04plan\x03\0\x04plan\x03\0\x05\x02\x03\0\0\x04json\x03\0\
\x04json\x03\0\x07\x01@\0\0\x04\x04\0\x08describe\x01\x09\x01j\x01\x06\x01s\x01@\
\x02\x04tasks\x06params\x08\0\x0a\x04\0\x07declare\x01\x0b\x01j\0\x01s\x01@\x02\x04\
tasks\x06params\x08\0\x0c\x04\0\x03run\x01\x0d\x04\0\x14wrun:task/task@0.1.0\x04\
\0\x0b\x0a\x01\0\x04task\x03\0\0\0G\x09producers\x01\x0cprocessed-by\x02\x0dwit-\
component\x070.262.0\x10wit-bindgen-rust\x060.63.0";
        };
    };
}
#[doc(inline)]
pub use __export_task_impl as export_component;
#[cfg(target_arch = "wasm32")]
#[unsafe(
    link_section = "component-type:wit-bindgen:0.63.0:wrun:task@0.1.0:task-with-all-of-its-exports-removed:encoded world"
)]
#[doc(hidden)]
#[allow(clippy::octal_escapes)]
pub static __WIT_BINDGEN_COMPONENT_TYPE: [u8; 1425] = *b"\
\0asm\x0d\0\x01\0\0\x19\x16wit-component-encoding\x04\0\x07\xf6\x09\x01A\x02\x01\
A\x0b\x01B4\x01s\x04\0\x04json\x03\0\0\x01o\x02s\x01\x01p\x02\x04\0\x06policy\x03\
\0\x03\x01m\x03\x06public\x06hidden\x07private\x04\0\x0avisibility\x03\0\x05\x01\
k\x01\x01r\x07\x04names\x03docs\x04kinds\x07default\x07\x0bsignificant\x7f\x0avi\
sibility\x06\x0apositional\x7f\x04\0\x0aparam-spec\x03\0\x08\x01m\x02\x04file\x09\
directory\x04\0\x0boutput-kind\x03\0\x0a\x01r\x02\x04names\x04kind\x0b\x04\0\x06\
output\x03\0\x0c\x01kw\x01r\x05\x06memory\x0e\x06cpu-ms\x0e\x0coutput-bytes\x0e\x0c\
output-files\x0e\x09log-bytes\x0e\x04\0\x06limits\x03\0\x0f\x01p\x09\x01p\x0d\x01\
ks\x01r\x0a\x04names\x03docs\x06params\x11\x07outputs\x12\x06limits\x10\x07versi\
on\x13\x07dynamic\x7f\x0anative-nan\x7f\x07retriesy\x06policy\x04\x04\0\x09task-\
type\x03\0\x14\x01p\x15\x01r\x05\x02ids\x03docs\x05tasks\x16\x0cdefault-goal\x13\
\x06policy\x04\x04\0\x0bdescription\x03\0\x17\x01r\x03\x06plugin\x13\x04tasks\x06\
params\x01\x04\0\x04call\x03\0\x19\x01r\x02\x04call\x1a\x04path\x13\x04\0\x0btas\
k-source\x03\0\x1b\x01m\x02\x07content\x07listing\x04\0\x0dexternal-mode\x03\0\x1d\
\x01r\x03\x03uris\x04mode\x1e\x04wait\x7f\x04\0\x08external\x03\0\x1f\x01q\x03\x04\
task\x01\x1c\0\x08external\x01\x20\0\x05clock\x01s\0\x04\0\x06source\x03\0!\x01r\
\x02\x04names\x06source\"\x04\0\x05input\x03\0#\x01m\x02\x04none\x04full\x04\0\x07\
network\x03\0%\x01ps\x01k'\x01o\x02ss\x01p)\x01pz\x01r\x10\x05images\x0aentrypoi\
nt(\x04argv'\x07workdir\x13\x03env*\x04user\x13\x07network&\x0acpu-millis\x0e\x06\
memory\x0e\x04gpusy\x0ftimeout-seconds\x0e\x05tmpfs\x0e\x13accepted-exit-codes+\x07\
secrets'\x06labels*\x06effect\x7f\x04\0\x09container\x03\0,\x01p$\x01k-\x01r\x05\
\x06inputs.\x07outputs\x12\x06limits\x10\x09container/\x06policy\x04\x04\0\x04pl\
an\x03\00\x01r\x02\x04names\x06source\x1c\x04\0\x09need-item\x03\02\x03\0\x15wru\
n:task/types@0.1.0\x05\0\x02\x03\0\0\x09need-item\x01B\x08\x02\x03\x02\x01\x01\x04\
\0\x09need-item\x03\0\0\x01p\x01\x01@\x01\x05items\x02\x01\0\x04\0\x04need\x01\x03\
\x01ku\x01@\x02\x08fraction\x04\x07messages\x01\0\x04\0\x08progress\x01\x05\x03\0\
\x14wrun:task/host@0.1.0\x05\x02\x02\x03\0\0\x0bdescription\x03\0\x0bdescription\
\x03\0\x03\x02\x03\0\0\x04plan\x03\0\x04plan\x03\0\x05\x02\x03\0\0\x04json\x03\0\
\x04json\x03\0\x07\x04\04wrun:task/task-with-all-of-its-exports-removed@0.1.0\x04\
\0\x0b*\x01\0$task-with-all-of-its-exports-removed\x03\0\0\0G\x09producers\x01\x0c\
processed-by\x02\x0dwit-component\x070.262.0\x10wit-bindgen-rust\x060.63.0";
#[inline(never)]
#[doc(hidden)]
pub fn __link_custom_section_describing_imports() {
    wit_bindgen::rt::maybe_link_cabi_realloc();
}
